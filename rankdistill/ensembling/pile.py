"""PILE: correct the mean of the teachers, pair by pair, until it agrees with the labels."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import ArrayLike, NDArray

from rankdistill.arrays import F64, I64, U64
from rankdistill.data.kernels.random import FNV_OFFSET, GOLDEN, hash_ids, scramble, starting_states
from rankdistill.data.offsets import checked_offsets
from rankdistill.ensembling.mean import check_teacher_scores, mean
from rankdistill.errors import UsageError
from rankdistill.parallel import parallel

HALF = np.uint64(32)
LOW_HALF = np.uint64(0xFFFFFFFF)


@dataclass(frozen=True)
class PileReport:
    """Counts of PILE, summed over all queries."""

    queries: int
    """Number of queries."""
    comparable: int
    """Pairs of documents of a query whose labels differ."""
    reversed_before: int
    """Comparable pairs that the mean of the teachers orders against the labels."""
    reversed_after: int
    """Comparable pairs that the ensemble still orders against the labels."""
    draws: int
    """Pairs drawn at random."""
    updates: int
    """Draws of a reversed pair, which changed the ensemble."""
    capped_queries: int
    """Queries with reversed pairs left after the last allowed draw."""

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
) -> F64:
    """Ensemble the teachers' scores under the labels, query by query, and return float64 (N,).

    Start from e, the teachers' mean. Draw a random pair of the query's labelled documents. If it is reversed,
    y_i > y_j and e_i < e_j, let ẽ_i be the mean of the teachers not below e_i, and ẽ_j of those not above e_j, and
    update both: e ← (1 - rate) e + rate ẽ. Stop when no reversed pair is left, or after ⌈n^1.5⌉ draws for n labelled
    documents. A document without a label is in no pair: it keeps the mean and does not affect the others.

    teacher_scores: float (K, N). labels: float (N,), NaN = missing. offsets: int (Q+1,), query q is rows
    ``offsets[q]:offsets[q+1]``. rate: λ, in (0, 1]. query_ids: (Q,), Arrow array or sequence; a query's random stream
    comes from the seed and its id, or without ids from the seed and its own labels and scores. The result depends
    neither on the number of threads nor on the order of the queries.

    Raises `DataError` for a missing or infinite teacher score, `UsageError` for shapes that do not fit.
    Source: PILE §3.3 (docs/papers.md).

    >>> import rankdistill as rd
    >>> rd.pile([[1.0, 3.0], [3.0, 2.0]], labels=[1, 0], offsets=[0, 2]).round(2).tolist()
    [2.9, 2.05]
    """
    return pile_with_report(teacher_scores, labels, offsets, rate, seed, query_ids)[0]


def pile_with_report(
    teacher_scores: ArrayLike,
    labels: ArrayLike,
    offsets: ArrayLike,
    rate: float = 0.9,
    seed: int = 0,
    query_ids: Any = None,
) -> tuple[F64, PileReport]:
    """Ensemble as `pile` does; return the ensemble, float64 (N,), and a `PileReport`."""
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


def _check_lists(n: int, labels: ArrayLike, offsets: ArrayLike) -> tuple[NDArray[Any], I64]:
    grades = np.asarray(labels)
    if grades.dtype != np.float32:
        grades = grades.astype(np.float64, copy=False)
    if grades.shape != (n,):
        raise UsageError(f"labels have shape {grades.shape}, expected ({n},): one a candidate, NaN where missing")
    return grades, checked_offsets(offsets, n)


@parallel
def pile_queries(
    teacher_scores: NDArray[Any],
    labels: NDArray[Any],
    offsets: I64,
    rate: float,
    states: U64,
    ensemble: F64,
    counts: I64,
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
    ensemble: F64,
    counts: I64,
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
def update_pair(teacher_scores: NDArray[Any], ensemble: F64, i: int, j: int, rate: float) -> None:
    """Move the ensemble (C,) of a reversed pair, i the more relevant, towards the teachers (K, C) on the right side.

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
    # Within the teachers' range, which exact arithmetic would not leave, some teacher always has weight 1.
    ensemble[i] = min(max((1 - rate) * ensemble[i] + rate * (up / up_weight), i_low), i_high)
    ensemble[j] = min(max((1 - rate) * ensemble[j] + rate * (down / down_weight), j_low), j_high)


@njit(cache=True)
def count_pairs(labels: NDArray[Any], ensemble: F64) -> tuple[int, int]:
    """Count the pairs of different labels, and those among them that the ensemble reverses; both arrays (n,).

    It takes n²/2 comparisons, less than the ⌈n^1.5⌉ draws may take, as each update takes O(n).
    """
    comparable, reversed_pairs = 0, 0
    for i in range(1, len(labels)):
        for j in range(i):
            comparable += labels[i] != labels[j]
            reversed_pairs += is_reversed(labels, ensemble, i, j)
    return comparable, reversed_pairs


@njit(cache=True)
def count_reversed_with(labels: NDArray[Any], ensemble: F64, i: int, j: int) -> int:
    """Count the reversed pairs with i or j, in O(n)."""
    count = 0
    for other in range(len(labels)):
        count += is_reversed(labels, ensemble, other, i) + is_reversed(labels, ensemble, other, j)
    return count - is_reversed(labels, ensemble, i, j)


@njit(cache=True)
def is_reversed(labels: NDArray[Any], ensemble: F64, i: int, j: int) -> int:
    """Tell, as 1 or 0, whether the ensemble orders i and j strictly against their labels."""
    falls = (labels[i] > labels[j]) & (ensemble[i] < ensemble[j])
    rises = (labels[i] < labels[j]) & (ensemble[i] > ensemble[j])
    return int(falls | rises)


# -- random pairs, and streams for queries without ids -----------------------------------------------------------------


@njit(cache=True)
def draw_pair(state: np.uint64, n: int) -> tuple[np.uint64, int, int]:
    """Draw two different numbers below n, every pair equally likely; return the next state, then the two.

    The halves of one 64-bit draw are scaled to n and n - 1, which is uniform up to n / 2^32.
    Source: Lemire 2019 (docs/papers.md).
    """
    state = state + GOLDEN
    bits = scramble(state)
    i = int(np.int64(((bits >> HALF) * np.uint64(n)) >> HALF))
    j = int(np.int64(((bits & LOW_HALF) * np.uint64(n - 1)) >> HALF))
    return state, i, j + (j >= i)


@parallel
def hash_contents(teacher_scores: NDArray[Any], labels: NDArray[Any], offsets: I64) -> U64:
    """Hash every query's labelled rows, labels and teacher scores as float64 bits, to uint64 (Q,).

    teacher_scores: float (K, N). labels: float (N,), NaN = missing. offsets: int64 (Q+1,).
    """
    hashes = np.empty(len(offsets) - 1, np.uint64)
    for q in prange(len(offsets) - 1):
        value = np.empty(1, np.float64)
        bits = value.view(np.uint64)
        code = FNV_OFFSET
        for row in range(offsets[q], offsets[q + 1]):
            if not np.isnan(labels[row]):
                value[0] = labels[row]
                code = scramble(code ^ bits[0]) + GOLDEN
                for k in range(len(teacher_scores)):
                    value[0] = teacher_scores[k, row]
                    code = scramble(code ^ bits[0]) + GOLDEN
        hashes[q] = code
    return hashes
