"""Clicks on interleaved lists: simulated from labels, or read from a log."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numba import njit
from numpy.typing import NDArray

from rankdistill.data.kernels.ids import Ints
from rankdistill.data.kernels.random import uniform
from rankdistill.errors import FileFormatError, UnknownNameError
from rankdistill.files.atomic import atomic_path
from rankdistill.files.reading import read_bytes

ClickModel = Literal["position", "cascade"]
NOISE = 0.05
"""Chance of a click on what is not relevant, and of none on what is of the highest grade, once it is looked at."""


@dataclass(frozen=True)
class Impression:
    """An interleaved list as a user saw it: which system each document came from, and which were clicked."""

    query_id: str
    teams: str
    """A letter a rank: A or B."""
    clicks: tuple[int, ...]
    """Ranks clicked, from 1, rising."""

    @property
    def outcome(self) -> int:
        """1 where A got more clicks than B, -1 where fewer, 0 where as many."""
        credits = [self.teams[rank - 1] for rank in self.clicks]
        return int(np.sign(credits.count("A") - credits.count("B")))


def attraction(labels: NDArray[np.floating], highest: float, noise: float = NOISE) -> NDArray[np.float64]:
    """The chance that a document is clicked once looked at, from its label (n,): 2^y - 1 between noise and 1 - noise.

    NaN (unjudged) and labels below 0 are not relevant. Source: the gain of Chapelle et al. 2009, eq. 4.
    """
    gains = np.exp2(np.maximum(np.nan_to_num(labels, nan=0.0), 0.0)) - 1
    return noise + (1 - 2 * noise) * gains / max(np.exp2(highest) - 1, 1.0)


def check_click_model(name: str) -> None:
    """Raise `UnknownNameError` for anything but the click models that there are."""
    if name not in get_args(ClickModel):
        raise UnknownNameError("click model", name, get_args(ClickModel))


@njit(cache=True)
def click(chances: NDArray[np.float64], cascade: bool, clicked: NDArray[np.bool_], state: np.uint64) -> np.uint64:
    """Click on a list: fills ``clicked`` (k,) from the chances (k,) of a click where looked at; returns the new state.

    Position-based: the document at rank r is looked at with chance 1/r. Cascade: from the top, until the first click.
    Source: both as in Craswell et al. 2008.
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

FORM = '{"query": "q1", "teams": "ABBA", "clicks": [1, 3]}'


def write_click_log(impressions: Iterable[Impression], path: str | Path) -> None:
    """Write a JSON object a line: ``query``, ``teams`` (a letter a rank, A or B), ``clicks`` (ranks from 1)."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        for seen in impressions:
            entry = {"query": seen.query_id, "teams": seen.teams, "clicks": list(seen.clicks)}
            file.write(json.dumps(entry, ensure_ascii=False) + "\n")


def read_click_log(path: str | Path) -> list[Impression]:
    """Read a log as `write_click_log` writes it; raises `FileFormatError` with file and line."""
    path = Path(path)
    found = []
    for number, line in enumerate(read_bytes(path).splitlines(), start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            seen = Impression(entry["query"], entry["teams"], tuple(sorted(set(entry["clicks"]))))
            sound = isinstance(seen.query_id, str) and set(seen.teams) <= {"A", "B"}
            sound = sound and all(type(rank) is int and 1 <= rank <= len(seen.teams) for rank in seen.clicks)
        except (ValueError, TypeError, KeyError):
            sound = False
        if not sound:
            raise FileFormatError(path, number, line.decode(errors="backslashreplace"), f"an impression such as {FORM}")
        found.append(seen)
    if not found:
        raise FileFormatError(path, 1, "a file without lines", f"impressions such as {FORM}")
    return found


def click_ranks(clicked: NDArray[np.bool_]) -> tuple[int, ...]:
    """Ranks, from 1, that are clicked in a list (k,)."""
    ranks: Ints = np.flatnonzero(clicked) + 1
    return tuple(ranks.tolist())
