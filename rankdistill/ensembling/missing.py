"""Policies for candidates that a teacher did not score: stop, fill the score, or drop the candidate."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np

from rankdistill.arrays import F64, Bools
from rankdistill.data.candidates import Candidates
from rankdistill.errors import DataError

Filled = tuple[F64, Candidates]


def refuse(scores: F64, candidates: Candidates, teachers: Sequence[str]) -> Filled:
    """Raise `DataError` naming teacher, query and document of the first missing score; return complete scores."""
    missing = np.isnan(scores)
    if missing.any():
        teacher, row = (int(at[0]) for at in np.nonzero(missing))
        others = ", ".join(repr(name) for name in POLICIES if name != "error")
        raise DataError(
            f"teacher {teachers[teacher]!r} has no score for {candidates.pair_at(row)} "
            f"(missing of {len(candidates)} candidates: {_per_teacher(missing, teachers)}): score them, or "
            f"choose another policy (missing=..., --missing): {others}"
        )
    return scores, candidates


def mean_of_others(scores: F64, candidates: Candidates, teachers: Sequence[str]) -> Filled:
    """Fill with the mean of the teachers that scored the document.

    Raises `DataError` for a document that no teacher scored.
    """
    missing = np.isnan(scores)
    orphans = np.flatnonzero(missing.all(axis=0))
    if orphans.size:
        raise DataError(
            f"no teacher has a score for {candidates.pair_at(int(orphans[0]))} ({orphans.size} such candidates), "
            "so there is no mean of others; choose missing='min' or 'drop'"
        )
    others = np.where(missing, 0, scores).sum(axis=0) / (~missing).sum(axis=0)
    return np.where(missing, others, scores), candidates


def lowest(
    scores: F64, candidates: Candidates, teachers: Sequence[str], least: Mapping[str, float] | None = None
) -> Filled:
    """Fill with the teacher's lowest score in the query's list, or its lowest of all where it has none there.

    least: each teacher's lowest of all, where these candidates are a part. It suits run files that are cut at some
    depth, whose missing documents rank below the last. Raises `DataError` for a teacher without any score.
    """
    missing = np.isnan(scores)
    empty = np.flatnonzero(missing.all(axis=1))
    if empty.size and len(candidates) and least is None:
        raise DataError(f"teacher {teachers[empty[0]]!r} has no score for any candidate: leave it out")
    filled = scores.copy()
    for k in np.flatnonzero(missing.any(axis=1)):
        known = ~missing[k]
        low = np.full(candidates.n_queries, np.inf)
        np.minimum.at(low, candidates.query_of_row[known], scores[k, known])
        low[np.isinf(low)] = least[teachers[int(k)]] if least else scores[k, known].min()
        filled[k, missing[k]] = low[candidates.query_of_row[missing[k]]]
    return filled, candidates


def drop(scores: F64, candidates: Candidates, teachers: Sequence[str]) -> Filled:
    """Drop the candidates that a teacher did not score, and queries that have no candidate left."""
    complete = ~np.isnan(scores).any(axis=0)
    return scores[:, complete], candidates.take_rows(complete)


def _per_teacher(missing: Bools, teachers: Sequence[str]) -> str:
    counts = {name: int(row.sum()) for name, row in zip(teachers, missing, strict=True) if row.any()}
    return ", ".join(f"{name}: {count}" for name, count in counts.items())


Policy = Literal["error", "mean-of-others", "min", "drop"]
POLICIES: dict[str, Callable[[F64, Candidates, Sequence[str]], Filled]] = {
    "error": refuse,
    "mean-of-others": mean_of_others,
    "min": lowest,
    "drop": drop,
}
