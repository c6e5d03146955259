"""Relations between a text's tokens, a student's against its teacher's: KL divergence and gradient in one pass.

A relation head has n times n scores for n tokens, which are needed for nothing but the softmax of each row: a row is
made, compared and turned into its part of the gradient while it is in the cache, and no matrix of scores is stored.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from rankdistill.arrays import F32, F64, Bools
from rankdistill.models.kernels.softmax import exp_below_0

_REASSOCIATED = {"reassoc", "contract", "nsz"}
"""Sums may be taken in vectors."""
BLOCK = 8
"""Components of a head that are multiplied in one pass over a row."""


@njit(cache=True, nogil=True, fastmath=_REASSOCIATED, error_model="numpy")
def relation_divergence(
    student: F32, teacher: F32, tokens: Bools, n_heads: int, first: int, step: int, sums: F64, gradient: F32
) -> None:
    """Sum KL(teacher's relations || student's) over heads and rows of texts ``first``, ``first + step``, …

    student: (P, L, n_heads * s), teacher: (P, L, n_heads * t), contiguous. tokens: (P, L), False where a token is
    padding, which is neither a row nor a column. sums: (P,), written. gradient: (P, L, n_heads * s), of the sum by the
    student's vectors, written where ``tokens`` is True.
    """
    n_texts, length = tokens.shape
    size, teacher_size = student.shape[2] // n_heads, teacher.shape[2] // n_heads
    padded, teacher_padded = -(-size // BLOCK) * BLOCK, -(-teacher_size // BLOCK) * BLOCK
    scale, teacher_scale = np.float32(size**-0.5), np.float32(teacher_size**-0.5)
    places = np.empty(length, np.int64)
    own, its = np.zeros((padded, length), np.float32), np.zeros((teacher_padded, length), np.float32)
    change = np.zeros((padded, length), np.float32)
    scores, targets = np.empty(length, np.float32), np.empty(length, np.float32)
    for text in range(first, n_texts, step):
        n = 0
        for place in range(length):
            if tokens[text, place]:
                places[n] = place
                n += 1
        total = 0.0
        for head in range(n_heads):
            _columns(student, text, places, n, head * size, size, own)
            _columns(teacher, text, places, n, head * teacher_size, teacher_size, its)
            for component in range(padded):
                for at in range(n):
                    change[component, at] = np.float32(0)
            for row in range(n):
                _row_of_products(own, padded, n, row, scale, scores)
                _row_of_products(its, teacher_padded, n, row, teacher_scale, targets)
                total += _compare(scores, targets, n)
                _add_gradient(own, scores, padded, n, row, change)
            for at in range(n):
                for component in range(size):
                    gradient[text, places[at], head * size + component] = change[component, at] * scale
        sums[text] = total


@njit(inline="always")
def _columns(vectors: Any, text: Any, places: Any, n: Any, begin: Any, size: Any, out: Any) -> None:
    """Copy a head's vectors of the tokens, a component each row."""
    for at in range(n):
        for component in range(size):
            out[component, at] = vectors[text, places[at], begin + component]


@njit(inline="always")
def _row_of_products(vectors: Any, padded: Any, n: Any, row: Any, scale: Any, out: Any) -> None:
    """Products of one token's vector with all, times ``scale``: out[j] = scale * x_row·x_j."""
    for at in range(n):
        out[at] = np.float32(0)
    for begin in range(0, padded, BLOCK):
        a, b = vectors[begin, row] * scale, vectors[begin + 1, row] * scale
        c, d = vectors[begin + 2, row] * scale, vectors[begin + 3, row] * scale
        e, f = vectors[begin + 4, row] * scale, vectors[begin + 5, row] * scale
        g, h = vectors[begin + 6, row] * scale, vectors[begin + 7, row] * scale
        for at in range(n):
            out[at] += (
                a * vectors[begin, at]
                + b * vectors[begin + 1, at]
                + c * vectors[begin + 2, at]
                + d * vectors[begin + 3, at]
                + e * vectors[begin + 4, at]
                + f * vectors[begin + 5, at]
                + g * vectors[begin + 6, at]
                + h * vectors[begin + 7, at]
            )


@njit(inline="always")
def _compare(scores: Any, targets: Any, n: Any) -> Any:
    """KL divergence of softmax(targets) to softmax(scores); scores become its gradient, the difference of both."""
    highest, its_highest = np.float32(-np.inf), np.float32(-np.inf)
    for at in range(n):
        highest = max(highest, scores[at])
        its_highest = max(its_highest, targets[at])
    total, its_total, apart = np.float32(0), np.float32(0), np.float32(0)
    for at in range(n):
        score, target = scores[at] - highest, targets[at] - its_highest
        likely, its_likely = exp_below_0(score), exp_below_0(target)
        total += likely
        its_total += its_likely
        apart += its_likely * (target - score)
        scores[at] = likely
        targets[at] = its_likely
    share, its_share = np.float32(1) / total, np.float32(1) / its_total
    for at in range(n):
        scores[at] = scores[at] * share - targets[at] * its_share
    return np.float64(apart) / np.float64(its_total) + np.log(np.float64(total) / np.float64(its_total))


@njit(inline="always")
def _add_gradient(vectors: Any, change: Any, padded: Any, n: Any, row: Any, out: Any) -> None:
    """Add what a row's gradient by its products, change (n,), is by the vectors of both their factors."""
    for component in range(padded):
        value = vectors[component, row]
        total = np.float32(0)
        for at in range(n):
            out[component, at] += change[at] * value
            total += change[at] * vectors[component, at]
        out[component, row] += total
