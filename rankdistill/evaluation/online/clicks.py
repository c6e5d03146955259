"""Clicks on interleaved lists, simulated from labels or read from a log."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numba import njit

from rankdistill.arrays import F64, I64, Bools, Floats
from rankdistill.data.kernels.random import uniform
from rankdistill.errors import FileFormatError, UnknownNameError
from rankdistill.evaluation.measures.dcg import check_exponents
from rankdistill.files.atomic import atomic_path
from rankdistill.files.reading import is_unicode, read_bytes

ClickModel = Literal["position", "cascade"]
NOISE = 0.05
"""Probability of a click on an examined document that is not relevant, and of no click on one of the highest grade."""


@dataclass(frozen=True)
class Impression:
    """An interleaved list as shown to a user: the system that each document came from, and the clicks."""

    query_id: str
    teams: str
    """One letter per rank: A or B."""
    clicks: tuple[int, ...]
    """Clicked ranks, from 1, in rising order."""

    @property
    def outcome(self) -> int:
        """Compare the clicks on both systems: 1 where A got more, -1 where B did, 0 where both got equally many."""
        credits = [self.teams[rank - 1] for rank in self.clicks]
        return int(np.sign(credits.count("A") - credits.count("B")))


def attraction(labels: Floats, highest: float, noise: float = NOISE) -> F64:
    """Compute the probability of a click on an examined document from its label y, float64 (n,).

    It rises with 2^y - 1 from noise to 1 - noise. NaN (unjudged) and labels below 0 are not relevant.
    Source: the gain of Chapelle et al. 2009, eq. 4 (docs/papers.md).
    """
    check_exponents(np.array([highest]))
    gains = np.exp2(np.maximum(np.nan_to_num(labels, nan=0.0), 0.0)) - 1
    return noise + (1 - 2 * noise) * gains / max(np.exp2(highest) - 1, 1.0)


def check_click_model(name: str) -> None:
    """Raise `UnknownNameError` unless this is a click model."""
    if name not in get_args(ClickModel):
        raise UnknownNameError("click model", name, get_args(ClickModel))


@njit(cache=True)
def click(chances: F64, cascade: bool, clicked: Bools, state: np.uint64) -> np.uint64:
    """Simulate clicks on a list: fill ``clicked`` (k,) from the click probabilities of examined documents (k,).

    Position-based: the document at rank r is examined with probability 1/r. Cascade: documents are examined from the
    top until the first click. Returns the random stream's next state. Source: Craswell et al. 2008 (docs/papers.md).
    """
    clicked[:] = False
    for i in range(len(chances)):
        state, chance = uniform(state)
        if chance < (chances[i] if cascade else chances[i] / (i + 1)):
            clicked[i] = True
            if cascade:
                break
    return state


# -- logs --------------------------------------------------------------------------------------------------------------

SYNTAX = '{"query": "q1", "teams": "ABBA", "clicks": [1, 3]}'


def write_click_log(impressions: Iterable[Impression], path: str | Path) -> None:
    """Write one JSON object per line: ``query``, ``teams`` (A or B for each rank), ``clicks`` (ranks from 1)."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for seen in impressions:
            entry = {"query": seen.query_id, "teams": seen.teams, "clicks": list(seen.clicks)}
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")


def read_click_log(path: str | Path) -> list[Impression]:
    """Read a log as `write_click_log` writes it; raise `FileFormatError` with file and line for a malformed line."""
    path = Path(path)
    impressions = []
    for number, line in enumerate(read_bytes(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            seen = Impression(entry["query"], entry["teams"], tuple(sorted(set(entry["clicks"]))))
            sound = isinstance(seen.query_id, str) and is_unicode(seen.query_id) and set(seen.teams) <= {"A", "B"}
            sound = sound and all(type(rank) is int and 1 <= rank <= len(seen.teams) for rank in seen.clicks)
        except (ValueError, TypeError, KeyError, RecursionError):
            sound = False
        if not sound:
            raise FileFormatError(
                path, number, line.decode(errors="backslashreplace"), f"an impression such as {SYNTAX}"
            )
        impressions.append(seen)
    if not impressions:
        raise FileFormatError(path, 1, "a file without lines", f"impressions such as {SYNTAX}")
    return impressions


def click_ranks(clicked: Bools) -> tuple[int, ...]:
    """List the clicked ranks, from 1, of a list (k,)."""
    ranks: I64 = np.flatnonzero(clicked) + 1
    return tuple(ranks.tolist())
