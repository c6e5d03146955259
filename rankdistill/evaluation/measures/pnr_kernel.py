"""Count the pairs of PNR in O(n log n), for inputs that are large enough to load Numba."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from rankdistill.arrays import F64, I64
from rankdistill.parallel import parallel


@parallel
def count_queries(scores: NDArray[Any], labels: F64, offsets: I64, counts: I64) -> None:
    """Fill counts (2, Q), concordant and discordant, from scores (N,), labels (N,) and offsets (Q+1,)."""
    for q in prange(len(offsets) - 1):
        rows = slice(offsets[q], offsets[q + 1])
        counts[0, q], counts[1, q] = count_one_query(scores[rows], labels[rows])


@njit(cache=True)
def count_one_query(scores: NDArray[Any], labels: F64) -> tuple[int, int]:
    """Count one query's pairs; scores and labels (C,).

    From the lowest score up, a Fenwick tree counts the candidates of each label that score lower: those with a lower
    label are concordant with the current candidate, those with a higher label discordant. Candidates of
    equal scores enter the tree together.
    """
    judged = np.flatnonzero(~np.isnan(labels))
    order = judged[np.argsort(scores[judged])]
    s, y = scores[order], labels[order]
    grades = np.unique(y)
    grade = np.searchsorted(grades, y)
    tree = np.zeros(len(grades) + 1, np.int64)
    concordant, discordant, below = 0, 0, 0
    for i in range(len(s)):
        if i > 0 and s[i] != s[i - 1]:
            for j in range(below, i):
                tree_add(tree, grade[j])
            below = i
        lower = tree_count(tree, grade[i])
        concordant += lower
        discordant += below - tree_count(tree, grade[i] + 1)
    return concordant, discordant


@njit(cache=True)
def tree_add(tree: I64, index: int) -> None:
    """Add 1 at ``index`` (from 0) of a Fenwick tree (size + 1,)."""
    at = index + 1
    while at < len(tree):
        tree[at] += 1
        at += at & -at


@njit(cache=True)
def tree_count(tree: I64, end: int) -> int:
    """Sum a Fenwick tree's counts over the indices 0 … end - 1."""
    total, at = 0, end
    while at > 0:
        total += tree[at]
        at -= at & -at
    return total
