"""Softmax of attention scores and dropout of what it gives, forward and backward, each in one pass over the scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from rankdistill.arrays import F32
from rankdistill.models.kernels.dropout import kept

_REASSOCIATED = {"reassoc", "contract", "nsz"}
"""Sums may be taken in vectors."""
LEAST = np.float32(-60)
"""Exponent below which a share is 0."""


@njit(cache=True, nogil=True, fastmath=_REASSOCIATED, error_model="numpy")
def softmax_dropout(
    scores: F32,
    out: F32,
    bias: F32,
    scaling: np.float32,
    key: np.uint32,
    second_key: np.uint32,
    dropped: np.uint32,
    scale: np.float32,
) -> None:
    """Turn scores (B, heads, Q, K) into their softmax in place, and write it after dropout into ``out``.

    bias: (B or 1, Q or 1, K), added to the scores times ``scaling``. The other arguments are those of `drop`.
    """
    each_text, each_query = bias.shape[0] > 1, bias.shape[1] > 1
    n_keys, place = scores.shape[3], np.uint32(0)
    for text in range(scores.shape[0]):
        for head in range(scores.shape[1]):
            for query in range(scores.shape[2]):
                row, mixed = scores[text, head, query], out[text, head, query]
                added = bias[text if each_text else 0, query if each_query else 0]
                highest = np.float32(-np.inf)
                for at in range(n_keys):
                    row[at] = row[at] * scaling + added[at]
                    highest = max(highest, row[at])
                total = np.float32(0)
                for at in range(n_keys):
                    row[at] = exp_below_0(row[at] - highest)
                    total += row[at]
                share = np.float32(1) / total
                for at in range(n_keys):
                    row[at] *= share
                    mixed[at] = (
                        row[at] * scale if kept(place + np.uint32(at), key, second_key, dropped) else np.float32(0)
                    )
                place = np.uint32(place + np.uint32(n_keys))


@njit(cache=True, nogil=True, fastmath=_REASSOCIATED, error_model="numpy")
def softmax_dropout_backward(
    gradient: F32,
    softmax: F32,
    scaling: np.float32,
    key: np.uint32,
    second_key: np.uint32,
    dropped: np.uint32,
    scale: np.float32,
) -> None:
    """Turn the gradient of what `softmax_dropout` wrote into that of the scores, in place; the softmax is its own."""
    n_keys, place = softmax.shape[3], np.uint32(0)
    for text in range(softmax.shape[0]):
        for head in range(softmax.shape[1]):
            for query in range(softmax.shape[2]):
                row, shares = gradient[text, head, query], softmax[text, head, query]
                total = np.float32(0)
                for at in range(n_keys):
                    row[at] = (
                        row[at] * scale if kept(place + np.uint32(at), key, second_key, dropped) else np.float32(0)
                    )
                    total += row[at] * shares[at]
                for at in range(n_keys):
                    row[at] = shares[at] * (row[at] - total) * scaling
                place = np.uint32(place + np.uint32(n_keys))


@njit(inline="always")
def exp_below_0(x: Any) -> Any:
    """exp(x) of a float32 that is at most 0, within two units in the last place, in operations that vectorise.

    0 below `LEAST`, which masked tokens are: shares that small change no sum, and their gradients would be subnormal
    numbers, which many processors multiply ten times slower. By 2ⁿ·exp(r), r below ½ ln 2, and a polynomial of degree
    6. Not a number stays that, so that weights that diverge are noticed. Source: Moshier 1989, expf (docs/papers.md).
    """
    seen, known, given = x >= LEAST, x == x, x
    x = max(x, LEAST)
    n = np.int32(x * np.float32(1.44269504) - np.float32(0.5))
    r = np.float32(np.float32(x - n * np.float32(0.693359375)) + n * np.float32(2.12194440e-4))
    p = np.float32(1.9875691500e-4)
    p = np.float32(p * r + np.float32(1.3981999507e-3))
    p = np.float32(p * r + np.float32(8.3334519073e-3))
    p = np.float32(p * r + np.float32(4.1665795894e-2))
    p = np.float32(p * r + np.float32(1.6666665459e-1))
    p = np.float32(p * r + np.float32(5.0000001201e-1))
    p = np.float32(p * np.float32(r * r) + r + np.float32(1))
    power = np.int32((n + np.int32(127)) << np.int32(23)).view(np.float32)
    return p * power if seen else (np.float32(0) if known else given)
