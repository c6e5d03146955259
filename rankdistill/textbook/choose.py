"""Choose the units of a textbook among those that the anchors find."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.arrays import I64, U64, Bools
from rankdistill.corpus.duplicates import band_keys, bands_for, repeated
from rankdistill.errors import DataError, UsageError
from rankdistill.progress import progress
from rankdistill.textbook.found import NEVER, Find
from rankdistill.textbook.index import index_of
from rankdistill.textbook.rows import take_rows
from rankdistill.textbook.size import Size, Wanted, chosen, least_k
from rankdistill.textbook.units import lengths_of, texts_of

_DEEPER = 4
"""Where the sentences found do not suffice, so many times as many are searched for."""
_TEXTS = 1 << 16


@dataclass(frozen=True, eq=False)
class Book:
    """Chosen units, in order: their numbers and the anchors that found them, int64 (M,) each; and what was counted."""

    numbers: I64
    anchors: I64
    counts: Counter[str]


def choose(
    units: pa.Table,
    queries: pa.Table,
    wanted: Wanted,
    similarity: float,
    work: Path,
    find: Find,
    anchored: bool = False,
) -> Book | None:
    """Search, merge, leave out near duplicates and find k, deeper until the size is reached; None: nothing is found.

    queries: of the anchors, see `queries_of`. anchored: whether the anchor is written with each unit, so that its bytes
    count, too. Raises `DataError` for a size that cannot be reached,
    `UsageError` for one that the first sentence exceeds.
    """
    index, of_units, n_anchors = index_of(units, work), lengths_of(units), len(queries)
    of_anchors: I64 = np.zeros(n_anchors, np.int64)
    if anchored:
        of_anchors = pc.binary_length(queries["anchor"]).to_numpy().astype(np.int64)
    most = depth = min(wanted.most, len(units))
    if wanted.size is not None:
        sentences = wanted.size.number / max(1.0, wanted.lengths(of_units + round(of_anchors.mean())).mean())
        depth = min(most, int(2 * sentences / n_anchors) + 10)
    while True:
        places, nothing = find(index, queries["terms"], depth, work)
        found = np.flatnonzero(places != NEVER)
        if not len(found):
            return None
        found = found[np.argsort(places[found])]
        kept = ~_near_duplicates(units, found, similarity)
        numbers = found[kept]
        ranks, anchors = np.divmod(places[numbers], n_anchors)
        bytes_of: I64 = of_units[numbers] + of_anchors[anchors]
        sizes = wanted.lengths(bytes_of)
        k = wanted.k if wanted.size is None else least_k(ranks, sizes, wanted.size.number)
        if k is not None:
            break
        if depth == most:
            raise _unreachable(wanted, int(sizes.sum()), n_anchors, most, len(units), work)
        depth = min(most, _DEEPER * depth)
    keys: U64 = units["key"].to_numpy()[numbers]
    rows = chosen(ranks, sizes, keys, k, None if wanted.size is None else wanted.size.number)
    if wanted.size is not None and not rows.any():
        needed = Size(int(sizes[ranks == 0][np.argsort(keys[ranks == 0], kind="stable")[0]]), wanted.size.in_bytes)
        raise UsageError(
            f"{wanted.size} is too small: the first sentence of this textbook has {needed}; give at least that "
            f"(what is done is kept in {work})"
        )
    before = places[found] // n_anchors < k
    counts = Counter(
        {
            "anchors that found nothing": nothing,
            "found, merged": int(before.sum()),
            "near duplicates": int((before & ~kept).sum()),
            "beyond the size": int((ranks < k).sum() - rows.sum()),
            "kept": int(rows.sum()),
            "bytes": int(bytes_of[rows].sum()),
            "k": k,
        }
    )
    # Within a rank by hash, as `chosen` takes them, so that the first rows are the textbook of a smaller size.
    in_order = np.flatnonzero(rows)
    in_order = in_order[np.lexsort((keys[in_order], ranks[in_order]))]
    return Book(numbers[in_order], anchors[in_order], counts)


def _unreachable(wanted: Wanted, found: int, n_anchors: int, most: int, n_units: int, work: Path) -> DataError:
    assert wanted.size is not None
    raised = "raise max_k, or " if most < n_units else ""
    return DataError(
        f"{wanted.size} cannot be reached: the most is {Size(found, wanted.size.in_bytes)}, all that {n_anchors:,} "
        f"anchors find with k = {most:,} in a corpus of {n_units:,}; {raised}give more text or a smaller size (what is "
        f"done is kept in {work})"
    )


def _near_duplicates(units: pa.Table, found: I64, similarity: float) -> Bools:
    """Tell of units, by number, which share about this part of their text with one before them: bool (M,)."""
    again = np.zeros(len(found), bool)
    if similarity == 1:
        return again
    bands = bands_for(similarity)
    with progress("near duplicates", len(found), unit="sentences") as advance:
        keys = [np.empty((bands[0], 0), np.uint64)]
        for start in range(0, len(found), _TEXTS):
            texts = texts_of(take_rows(units, found[start : start + _TEXTS]))
            keys.append(band_keys(texts, *bands))
            advance(len(texts))
    for band in np.concatenate(keys, axis=1):
        again |= repeated(band)
    return again
