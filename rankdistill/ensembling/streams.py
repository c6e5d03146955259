"""One random stream per query, the same whatever the thread or the order of the queries: SplitMix64 in Numba.

A query's stream starts from the caller's seed and a 64-bit hash that is the query's own: of its id, or where there are
no ids of its labels and teacher scores. Source of the generator: Steele, Lea and Flood 2014, "Fast splittable
pseudorandom number generators", in the form Vigna published as splitmix64.c.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit, prange
from numpy.typing import NDArray

from rankdistill.data.candidates import as_ids

Hashes = NDArray[np.uint64]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MULTIPLIER_1 = np.uint64(0xBF58476D1CE4E5B9)
MULTIPLIER_2 = np.uint64(0x94D049BB133111EB)
FNV_OFFSET = np.uint64(0xCBF29CE484222325)
FNV_PRIME = np.uint64(0x100000001B3)
HALF = np.uint64(32)
LOW_HALF = np.uint64(0xFFFFFFFF)


@njit(cache=True)
def scramble(x: np.uint64) -> np.uint64:
    """Spread the bits of x: SplitMix64's bijective finaliser."""
    x = (x ^ (x >> np.uint64(30))) * MULTIPLIER_1
    x = (x ^ (x >> np.uint64(27))) * MULTIPLIER_2
    return x ^ (x >> np.uint64(31))


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


def hash_ids(query_ids: Any) -> Hashes:
    """Hash ids to uint64 (Q,): FNV-1a over the UTF-8 bytes, read straight from the Arrow buffers.

    query_ids: Arrow array, NumPy array or sequence, (Q,); numbers count as their decimal text.
    """
    ids = as_ids(query_ids if isinstance(query_ids, pa.Array | pa.ChunkedArray) else pa.array(query_ids))
    _, offsets_buffer, bytes_buffer = ids.buffers()
    if not len(ids):
        return np.zeros(0, np.uint64)
    offsets = np.frombuffer(offsets_buffer, np.int64)[ids.offset : ids.offset + len(ids) + 1]
    return _hash_bytes(np.frombuffer(bytes_buffer or b"", np.uint8), offsets)


@njit(parallel=True, cache=True)
def _hash_bytes(data: NDArray[np.uint8], offsets: NDArray[np.int64]) -> Hashes:
    hashes = np.empty(len(offsets) - 1, np.uint64)
    for q in prange(len(offsets) - 1):
        code = FNV_OFFSET
        for position in range(offsets[q], offsets[q + 1]):
            code = (code ^ np.uint64(data[position])) * FNV_PRIME
        hashes[q] = code
    return hashes


@njit(parallel=True, cache=True)
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


def starting_states(seed: int, query_hashes: Hashes) -> Hashes:
    """Start of every query's stream, uint64 (Q,): the seed scrambled into the query's hash."""
    return _scramble_all(query_hashes ^ np.uint64(scramble(np.uint64(seed % 2**64) ^ GOLDEN)))


@njit(cache=True)
def _scramble_all(values: Hashes) -> Hashes:
    scrambled = np.empty_like(values)
    for index in range(len(values)):
        scrambled[index] = scramble(values[index])
    return scrambled
