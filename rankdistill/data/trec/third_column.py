"""Tell by the data of a three-column run, ``qid docid ?``, whether its third column holds ranks or scores.

Ranks are 1 to n, or 0 to n - 1, rising in the order of the file, in every list. Fractions, numbers below 0 and lists
that no ranks could make are scores. Between the two stand lists that either could make, such as 1 2 4 or 3 1 2: then
the file must say, or the caller.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numba import njit, prange

from rankdistill.arrays import F64, I64
from rankdistill.data.trec.forms import ThirdColumn
from rankdistill.data.trec.lines import GroupedLines
from rankdistill.errors import FileFormatError, UnknownNameError
from rankdistill.files.reading import FileBytes
from rankdistill.parallel import parallel

EITHER, RANKS, LIKE_RANKS, SCORES, FRACTIONS, TIED = range(6)
"""Kinds of list: of one candidate; 1 to n rising; possible as ranks and as scores; impossible as ranks; with a fraction
or a number below 0; of equal values."""
SAY = (
    "a third column that is plainly a rank (1 to n, rising, in every list) or plainly a score: say which by "
    "--third-column rank or score where a command has it (third_column=... in Python), or by a first line "
    "'# qid docid rank' or '# qid docid score' in the file"
)


def check_third_column(name: str) -> None:
    """Raise `UnknownNameError` unless this says what a third column is."""
    if name not in get_args(ThirdColumn):
        raise UnknownNameError("third column", name, get_args(ThirdColumn))


def third_column(path: Path, data: FileBytes, lines: GroupedLines) -> Literal["rank", "score"]:
    """Tell whether the third column of these lines, float64, in the order of the file, holds ranks or scores.

    Raises `FileFormatError` where it may be either, as the order of the lists would be reversed.
    """
    kinds = kinds_of_lists(lines.values.astype(np.float64), lines.offsets, float(lines.values.min()))
    n_ranks, n_like, n_scores, n_fractions, n_tied = (int((kinds == kind).sum()) for kind in range(1, 6))
    if n_fractions and n_fractions >= n_ranks:
        return "score"
    if not n_ranks + n_like + n_scores + n_fractions:  # either order is that of the other
        return "score" if n_tied or (lines.values != 1).any() else "rank"
    if n_ranks and not n_like + n_scores + n_fractions + n_tied:
        return "rank"
    if n_scores > n_ranks + n_like:
        return "score"
    odd = kinds != RANKS if n_ranks else kinds == LIKE_RANKS
    odd &= kinds != EITHER
    list_ = int(np.flatnonzero(odd)[0])
    rows = slice(int(lines.offsets[list_]), int(lines.offsets[list_ + 1]))
    first = ", ".join(f"{value:g}" for value in lines.values[rows][:5])
    others = f", while in {n_ranks:,} of {len(kinds):,} lists it counts up by one" if n_ranks else ""
    got = f"{first}{', ...' if rows.stop - rows.start > 5 else ''} in the list of {lines.query_ids[list_].as_py()!r}"
    query = lines.query_ids[list_].as_py().encode()
    number = next((i for i, line in enumerate(bytes(data).split(b"\n"), 1) if line.lstrip().startswith(query)), 1)
    raise FileFormatError(path, number, got + others, SAY)


@parallel
def kinds_of_lists(values: F64, offsets: I64, base: float) -> I64:
    """Sort lists by what their values, float64 (N,), can be: int64 (Q,), constants of this module.

    base: the least value of all, from which ranks would count if it is 0 or 1.
    """
    kinds = np.zeros(len(offsets) - 1, np.int64)
    for q in prange(len(kinds)):
        kinds[q] = kind_of_list(values[offsets[q] : offsets[q + 1]], base)
    return kinds


@njit(cache=True)
def kind_of_list(values: F64, base: float) -> int:
    """Tell what a list's values (n,), in the order of the file, can be."""
    n = len(values)
    for value in values:
        if value != np.floor(value) or value < 0:
            return FRACTIONS
    if n == 1:
        return EITHER
    equal, rises, counts, restarts = True, True, base <= 1, True
    for i in range(n):
        counts &= values[i] == base + i
        if i:
            equal &= values[i] == values[i - 1]
            rises &= values[i] >= values[i - 1]
            restarts &= values[i] == values[i - 1] + 1 or values[i] == base
        else:
            restarts &= values[i] == base
    if equal:
        return TIED
    if counts:
        return RANKS
    if rises or restarts:
        return LIKE_RANKS
    seen = np.zeros(n, np.bool_)
    for value in values:
        if value - base >= n or seen[int(value - base)]:
            return SCORES
        seen[int(value - base)] = True
    return LIKE_RANKS
