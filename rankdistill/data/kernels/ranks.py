"""Rank lists inside kernels: by falling score, missing scores last, ties by a named rule."""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from rankdistill.arrays import I64, U8, Floats
from rankdistill.data.kernels.ids import compare_ids
from rankdistill.parallel import parallel

TIES = {"trec": -1, "docid-asc": 1, "rank": 0}
"""Rule for equal scores -> sign: larger id first (trec_eval), smaller id first, or in the present order of the rows."""


@parallel
def in_order(values: Floats, offsets: I64, starts: I64, text: U8, sign: int) -> np.bool_:
    """Tell whether each list's rows are in the order of `ranked_rows`, which explains the arguments."""
    sound = np.ones(len(offsets) - 1, np.bool_)
    for q in prange(len(sound)):
        for row in range(offsets[q] + 1, offsets[q + 1]):
            if not values[row - 1] > values[row] and comes_before(values, starts, text, sign, row, row - 1):
                sound[q] = False
                break
    return sound.all()


@parallel
def ranked_rows(values: Floats, offsets: I64, starts: I64, text: U8, sign: int) -> I64:
    """Rank each list: int64 (N,), row indices best first.

    values: float (N,), NaN = missing. offsets (Q+1,): rows of each list. starts, text: ids (N,). sign: of `TIES`.
    """
    order = np.arange(len(values))
    for q in prange(len(offsets) - 1):
        rows = order[offsets[q] : offsets[q + 1]]
        for i in range(1, len(rows)):
            if comes_before(values, starts, text, 0, rows[i], rows[i - 1]):
                sort_by_score(values, rows)
                break
        if sign != 0:
            sort_ties(values, starts, text, sign, rows)
    return order


@njit(cache=True)
def comes_before(values: Floats, starts: I64, text: U8, sign: int, a: int, b: int) -> bool | np.bool_:
    """Tell whether row a ranks before row b; false where the rule leaves them in their present order."""
    if values[a] != values[b] and not (np.isnan(values[a]) and np.isnan(values[b])):
        return values[a] > values[b] or np.isnan(values[b])
    return sign != 0 and sign * compare_ids(starts, text, a, b) < 0


@njit(cache=True)
def sort_by_score(values: Floats, rows: I64) -> None:
    """Sort rows in place by falling score, missing scores last, equal scores in their present order."""
    missing = np.isnan(values[rows])
    known, others = rows[~missing], rows[missing]
    rows[: len(known)] = known[np.argsort(-values[known], kind="mergesort")]
    rows[len(known) :] = others


@njit(cache=True)
def sort_ties(values: Floats, starts: I64, text: U8, sign: int, order: I64) -> None:
    """Sort each run of equal scores in ``order`` by id."""
    first = 0
    for i in range(1, len(order) + 1):
        if i == len(order) or comes_before(values, starts, text, 0, order[i - 1], order[i]):
            if i - first > 1:
                sort_by_id(starts, text, sign, order[first:i])
            first = i


@njit(cache=True)
def sort_by_id(starts: I64, text: U8, sign: int, rows: I64) -> None:
    """Sort rows by id in place: rising for sign 1, falling for -1 (heap sort, so that a long tie takes O(n log n))."""
    n = len(rows)
    for root in range(n // 2 - 1, -1, -1):
        sift(starts, text, sign, rows, root, n)
    for last in range(n - 1, 0, -1):
        rows[0], rows[last] = rows[last], rows[0]
        sift(starts, text, sign, rows, 0, last)


@njit(cache=True)
def sift(starts: I64, text: U8, sign: int, rows: I64, root: int, n: int) -> None:
    """Move the row at ``root`` down the heap of the first n rows until no child comes later."""
    while 2 * root + 1 < n:
        child = 2 * root + 1
        if child + 1 < n and sign * compare_ids(starts, text, rows[child], rows[child + 1]) < 0:
            child += 1
        if sign * compare_ids(starts, text, rows[root], rows[child]) >= 0:
            return
        rows[root], rows[child] = rows[child], rows[root]
        root = child
