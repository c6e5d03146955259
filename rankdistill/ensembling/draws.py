"""Random pairs of a query's candidates, and a stream for queries without ids: of what they hold."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from rankdistill.data.kernels.random import FNV_OFFSET, GOLDEN, Hashes, scramble
from rankdistill.parallel import parallel

HALF = np.uint64(32)
LOW_HALF = np.uint64(0xFFFFFFFF)


@njit(cache=True)
def draw_pair(state: np.uint64, n: int) -> tuple[np.uint64, int, int]:
    """Draw two different numbers below n, every pair equally likely; return the next state, then the two.

    The halves of one 64-bit draw are scaled to n and n - 1 (Lemire 2019), which is uniform up to n / 2^32.
    """
    state = state + GOLDEN
    bits = scramble(state)
    i = int(np.int64(((bits >> HALF) * np.uint64(n)) >> HALF))
    j = int(np.int64(((bits & LOW_HALF) * np.uint64(n - 1)) >> HALF))
    return state, i, j + (j >= i)


@parallel
def hash_contents(teacher_scores: NDArray[Any], labels: NDArray[Any], offsets: NDArray[np.int64]) -> Hashes:
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
