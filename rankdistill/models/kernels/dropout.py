"""Dropout whose masks are computed from a place and a key, rather than drawn one after the other and kept.

A mask is a function of two 32-bit words: the backward pass computes it again, and the compiler vectorises it. torch
draws masks from one stream of a Mersenne Twister, at some 30 times the cost on a CPU. The function is a hash of the
place. Source of its rounds: Wellons 2018, lowbias32 (docs/papers.md).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit, uint32

from rankdistill.arrays import F32, U16

HALF = uint32(16)
FIRST, SECOND = uint32(0x7FEB352D), uint32(0x846CA68B)


@njit(inline="always")
def kept(place: Any, key: Any, second_key: Any, dropped: Any) -> Any:
    """Whether the element at a place is kept; all are uint32, and ``dropped`` is 2³² times the share of dropped ones.

    The second key enters between the rounds, so that masks of different keys are no shifts of each other.
    """
    bits = uint32(uint32(place) + key)
    bits = uint32(uint32(bits ^ (bits >> HALF)) * FIRST)
    bits = uint32(uint32(bits ^ (bits >> uint32(15))) ^ second_key)
    bits = uint32(bits * SECOND)
    return uint32(bits ^ (bits >> HALF)) >= dropped


@njit(cache=True, nogil=True)
def drop(values: F32, out: F32, key: np.uint32, second_key: np.uint32, dropped: np.uint32, scale: np.float32) -> None:
    """Write float32 (N,) values times ``scale`` where they are kept, else 0, into ``out``, which may be the same."""
    for place in range(values.size):
        out[place] = values[place] * scale if kept(place, key, second_key, dropped) else np.float32(0)


@njit(cache=True, nogil=True)
def drop_bfloat16(
    values: U16, out: U16, key: np.uint32, second_key: np.uint32, dropped: np.uint32, scale: np.float32
) -> None:
    """`drop` of bfloat16 values, of which the arrays hold the bits; rounded to the nearest, ties to even."""
    for place in range(values.size):
        exact = np.uint32(uint32(values[place]) << HALF).view(np.float32) * scale
        bits = np.float32(exact).view(np.uint32)
        rounded = uint32(bits + uint32(0x7FFF) + uint32((bits >> HALF) & uint32(1)))
        out[place] = np.uint16(rounded >> HALF) if kept(place, key, second_key, dropped) else np.uint16(0)
