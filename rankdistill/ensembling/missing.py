"""What to do where a teacher has no score for a candidate: stop, fill it, or drop the candidate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rankdistill.data.candidates import Candidates
from rankdistill.errors import DataError

Floats = NDArray[np.float64]
Filled = tuple[Floats, Candidates]


def refuse(scores: Floats, candidates: Candidates, teachers: Sequence[str]) -> Filled:
    """Raise `DataError` naming the first missing score's teacher, query and document; pass complete scores through."""
    missing = np.isnan(scores)
    if missing.any():
        teacher, row = (int(at[0]) for at in np.nonzero(missing))
        raise DataError(
            f"teacher {teachers[teacher]!r} has no score for {_pair(candidates, row)} "
            f"({_per_teacher(missing, teachers)} lacking of {len(candidates)} candidates): score them, or choose "
            f"what to do by missing (--missing): {', '.join(repr(name) for name in POLICIES if name != 'error')}"
        )
    return scores, candidates


def mean_of_others(scores: Floats, candidates: Candidates, teachers: Sequence[str]) -> Filled:
    """Fill with the mean of the teachers that did score the document.

    Raises `DataError` for a document that no teacher scored.
    """
    missing = np.isnan(scores)
    orphans = np.flatnonzero(missing.all(axis=0))
    if orphans.size:
        raise DataError(
            f"no teacher has a score for {_pair(candidates, int(orphans[0]))} ({orphans.size} such candidates in all), "
            "so there is no mean of others; choose missing='min' or 'drop'"
        )
    others = np.where(missing, 0, scores).sum(axis=0) / (~missing).sum(axis=0)
    return np.where(missing, others, scores), candidates


def lowest(scores: Floats, candidates: Candidates, teachers: Sequence[str]) -> Filled:
    """Fill with the lowest score that the teacher gave in the query's list, or anywhere where it gave none there.

    The choice for run files cut at some depth: what a teacher did not list it did not rate. Raises `DataError` for a
    teacher without any score.
    """
    missing = np.isnan(scores)
    empty = np.flatnonzero(missing.all(axis=1))
    if empty.size and len(candidates):
        raise DataError(f"teacher {teachers[empty[0]]!r} has no score for any candidate: leave it out")
    filled = scores.copy()
    for k in np.flatnonzero(missing.any(axis=1)):
        known = ~missing[k]
        low = np.full(candidates.n_queries, np.inf)
        np.minimum.at(low, candidates.query_of_row[known], scores[k, known])
        low[np.isinf(low)] = scores[k, known].min()
        filled[k, missing[k]] = low[candidates.query_of_row[missing[k]]]
    return filled, candidates


def drop(scores: Floats, candidates: Candidates, teachers: Sequence[str]) -> Filled:
    """Drop the candidates that some teacher did not score; queries left without any are dropped too."""
    complete = ~np.isnan(scores).any(axis=0)
    return scores[:, complete], candidates.take_rows(complete)


def _pair(candidates: Candidates, row: int) -> str:
    query_id = candidates.query_ids[int(candidates.query_of_row[row])].as_py()
    return f"query {query_id!r}, document {candidates.doc_ids[row].as_py()!r}"


def _per_teacher(missing: NDArray[np.bool_], teachers: Sequence[str]) -> str:
    counts = {name: int(row.sum()) for name, row in zip(teachers, missing, strict=True) if row.any()}
    return ", ".join(f"{name}: {count}" for name, count in counts.items())


Policy = Literal["error", "mean-of-others", "min", "drop"]
POLICIES: dict[str, Callable[[Floats, Candidates, Sequence[str]], Filled]] = {
    "error": refuse,
    "mean-of-others": mean_of_others,
    "min": lowest,
    "drop": drop,
}
