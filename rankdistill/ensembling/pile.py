"""PILE: the mean of the teachers, corrected pair by pair until it agrees with the labels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import ArrayLike, NDArray

from rankdistill.data.kernels.random import hash_ids, starting_states
from rankdistill.ensembling.draws import draw_pair, hash_contents
from rankdistill.ensembling.mean import check_teacher_scores, mean
from rankdistill.errors import UsageError
from rankdistill.parallel import parallel

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PileReport:
    """What PILE did, summed over all queries."""

    queries: int
    """Number of queries."""
    comparable: int
    """Pairs of documents of a query whose labels differ."""
    reversed_before: int
    """Those among them that the mean of the teachers puts in the wrong order."""
    reversed_after: int
    """Those left in the wrong order at the end."""
    draws: int
    """Pairs drawn at random."""
    updates: int
    """Draws that met a reversed pair and changed the ensemble."""
    capped_queries: int
    """Queries that stopped at their last allowed draw with reversed pairs left."""

    def __str__(self) -> str:
        return (
            f"PILE over {self.queries} queries: {self.reversed_before} of {self.comparable} comparable pairs reversed "
            f"before, {self.reversed_after} after; {self.draws} draws, {self.updates} updates, "
            f"{self.capped_queries} queries stopped at the cap"
        )


def pile(
    teacher_scores: ArrayLike,
    labels: ArrayLike,
    offsets: ArrayLike,
    rate: float = 0.9,
    seed: int = 0,
    query_ids: Any = None,
) -> Floats:
    """Ensemble the teachers' scores under the labels, query by query, and return float64 (N,).

    Start from e = the teachers' mean. Draw a random pair of the query's labelled documents; if it is reversed,
    y_i > y_j and e_i < e_j, take for i the mean ẽ of the teachers not below e_i, for j of those not above e_j, and move
    both: e ← (1 - rate) e + rate ẽ. Stop when no reversed pair is left, or after ⌈n^1.5⌉ draws, n the number of
    labelled documents. A document without a label is in no pair: it keeps the mean, and changes nothing for the others.

    teacher_scores: float (K, N). labels: float (N,), NaN = missing. offsets: int (Q+1,), query q is rows
    ``offsets[q]:offsets[q+1]``. rate: λ, in (0, 1]. query_ids: (Q,), Arrow array or sequence; a query's random stream
    comes from the seed and its id, without ids from the seed and its own labels and scores. Either way the result
    depends neither on the number of threads nor on the order of the queries.

    Raises `DataError` for a missing or infinite teacher score, `UsageError` for shapes that do not fit.
    Source: PILE §3.3, METHODS §1.
    """
    return pile_with_report(teacher_scores, labels, offsets, rate, seed, query_ids)[0]


def pile_with_report(
    teacher_scores: ArrayLike,
    labels: ArrayLike,
    offsets: ArrayLike,
    rate: float = 0.9,
    seed: int = 0,
    query_ids: Any = None,
) -> tuple[Floats, PileReport]:
    """Do as `pile` and say what was done: the ensemble, float64 (N,), and a `PileReport`."""
    scores = check_teacher_scores(teacher_scores)
    grades, bounds = _check_lists(scores.shape[1], labels, offsets)
    if not 0 < rate <= 1:
        raise UsageError(f"PILE's rate must lie in (0, 1], got {rate}")
    if query_ids is not None and len(query_ids) != len(bounds) - 1:
        raise UsageError(f"got {len(query_ids)} query ids for {len(bounds) - 1} queries: give one each, or none")
    hashes = hash_contents(scores, grades, bounds) if query_ids is None else hash_ids(query_ids)
    ensemble = mean(scores)
    counts = np.zeros((len(bounds) - 1, 6), np.int64)
    pile_queries(scores, grades, bounds, rate, starting_states(seed, hashes), ensemble, counts)
    return ensemble, PileReport(len(bounds) - 1, *map(int, counts.sum(axis=0)))


def _check_lists(n: int, labels: ArrayLike, offsets: ArrayLike) -> tuple[NDArray[Any], NDArray[np.int64]]:
    grades = np.asarray(labels)
    if grades.dtype != np.float32:
        grades = grades.astype(np.float64, copy=False)
    if grades.shape != (n,):
        raise UsageError(f"labels have shape {grades.shape}, expected ({n},): one a candidate, NaN where missing")
    bounds = np.asarray(offsets, dtype=np.int64)
    if bounds.ndim != 1 or not len(bounds) or bounds[0] != 0 or bounds[-1] != n or (np.diff(bounds) < 0).any():
        raise UsageError(f"offsets must rise from 0 to {n}, queries + 1 of them, got shape {bounds.shape}")
    return grades, bounds


@parallel
def pile_queries(
    teacher_scores: NDArray[Any],
    labels: NDArray[Any],
    offsets: NDArray[np.int64],
    rate: float,
    states: NDArray[np.uint64],
    ensemble: Floats,
    counts: NDArray[np.int64],
) -> None:
    """Correct ``ensemble`` (N,), the mean on entry, in place; fill counts (Q, 6) in the order of `PileReport`.

    teacher_scores: float (K, N). labels: float (N,). offsets: int64 (Q+1,). states: uint64 (Q,), the streams' starts.
    """
    for q in prange(len(offsets) - 1):
        rows = slice(offsets[q], offsets[q + 1])
        pile_one_query(teacher_scores[:, rows], labels[rows], rate, states[q], ensemble[rows], counts[q])


@njit(cache=True)
def pile_one_query(
    teacher_scores: NDArray[Any],
    labels: NDArray[Any],
    rate: float,
    state: np.uint64,
    ensemble: Floats,
    counts: NDArray[np.int64],
) -> None:
    """Correct one query's ensemble (C,) in place and fill its counts (6,); teacher_scores (K, C), labels (C,)."""
    labelled = np.flatnonzero(~np.isnan(labels))
    n = len(labelled)
    y, e, f = labels[labelled], ensemble[labelled], teacher_scores[:, labelled]
    comparable, reversed_before = count_pairs(y, e)
    reversed_pairs, draws, updates, cap = reversed_before, 0, 0, math.ceil(n * math.sqrt(n))
    while reversed_pairs > 0 and draws < cap:
        draws += 1
        state, i, j = draw_pair(state, n)
        if is_reversed(y, e, i, j):
            if y[i] < y[j]:
                i, j = j, i
            reversed_pairs -= count_reversed_with(y, e, i, j)
            update_pair(f, e, i, j, rate)
            reversed_pairs += count_reversed_with(y, e, i, j)
            updates += 1
    ensemble[labelled] = e
    capped = int(reversed_pairs > 0)
    counts[:] = np.array([comparable, reversed_before, reversed_pairs, draws, updates, capped])


@njit(cache=True)
def update_pair(teacher_scores: NDArray[Any], ensemble: Floats, i: int, j: int, rate: float) -> None:
    """Move the ensemble (C,) of the reversed pair, i the more relevant, towards the teachers (K, C) not to blame.

    A teacher below the ensemble at i, or above it at j, has weight 0 there.
    """
    up, up_weight, i_low, i_high = 0.0, 0.0, np.inf, -np.inf
    down, down_weight, j_low, j_high = 0.0, 0.0, np.inf, -np.inf
    for k in range(len(teacher_scores)):
        at_i, at_j = np.float64(teacher_scores[k, i]), np.float64(teacher_scores[k, j])
        weight_i, weight_j = np.float64(at_i >= ensemble[i]), np.float64(at_j <= ensemble[j])
        up, up_weight = up + weight_i * at_i, up_weight + weight_i
        down, down_weight = down + weight_j * at_j, down_weight + weight_j
        i_low, i_high = min(i_low, at_i), max(i_high, at_i)
        j_low, j_high = min(j_low, at_j), max(j_high, at_j)
    # Kept within the teachers' own range, where exact arithmetic would leave it, some teacher always has weight 1.
    ensemble[i] = min(max((1 - rate) * ensemble[i] + rate * (up / up_weight), i_low), i_high)
    ensemble[j] = min(max((1 - rate) * ensemble[j] + rate * (down / down_weight), j_low), j_high)


@njit(cache=True)
def count_pairs(labels: NDArray[Any], ensemble: Floats) -> tuple[int, int]:
    """Count the pairs of different labels, and those among them that the ensemble reverses; both arrays (n,).

    Plain n²/2 comparisons: less than what the ⌈n^1.5⌉ draws may cost, each update being O(n).
    """
    comparable, reversed_pairs = 0, 0
    for i in range(1, len(labels)):
        for j in range(i):
            comparable += labels[i] != labels[j]
            reversed_pairs += is_reversed(labels, ensemble, i, j)
    return comparable, reversed_pairs


@njit(cache=True)
def count_reversed_with(labels: NDArray[Any], ensemble: Floats, i: int, j: int) -> int:
    """Count the reversed pairs that i or j is part of, in O(n)."""
    count = 0
    for other in range(len(labels)):
        count += is_reversed(labels, ensemble, other, i) + is_reversed(labels, ensemble, other, j)
    return count - is_reversed(labels, ensemble, i, j)


@njit(cache=True)
def is_reversed(labels: NDArray[Any], ensemble: Floats, i: int, j: int) -> int:
    """1 where the ensemble orders i and j strictly against their labels, else 0."""
    falls = (labels[i] > labels[j]) & (ensemble[i] < ensemble[j])
    rises = (labels[i] < labels[j]) & (ensemble[i] > ensemble[j])
    return int(falls | rises)
