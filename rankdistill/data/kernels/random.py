"""One random stream per query, independent of threads and of the order of the queries: SplitMix64 in Numba.

A query's stream starts from the caller's seed and a 64-bit hash of the query, such as that of its id. Source: Steele,
Lea & Flood 2014, in the form of Vigna's splitmix64.c (docs/papers.md).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
from numba import njit, prange

from rankdistill.arrays import I64, U8, U64
from rankdistill.data.candidates import as_ids
from rankdistill.data.kernels.ids import id_bytes
from rankdistill.parallel import parallel

GOLDEN = np.uint64(0x9E3779B97F4A7C15)
MULTIPLIER_1 = np.uint64(0xBF58476D1CE4E5B9)
MULTIPLIER_2 = np.uint64(0x94D049BB133111EB)
FNV_OFFSET = np.uint64(0xCBF29CE484222325)
FNV_PRIME = np.uint64(0x100000001B3)


@njit(cache=True)
def scramble(x: np.uint64) -> np.uint64:
    """Spread the bits of x: SplitMix64's bijective finaliser."""
    x = (x ^ (x >> np.uint64(30))) * MULTIPLIER_1
    x = (x ^ (x >> np.uint64(27))) * MULTIPLIER_2
    return x ^ (x >> np.uint64(31))


@njit(cache=True)
def uniform(state: np.uint64) -> tuple[np.uint64, float]:
    """Draw a number from [0, 1); return the next state, then the number."""
    state = state + GOLDEN
    return state, (scramble(state) >> np.uint64(11)) * 2.0**-53


def hash_ids(query_ids: Any) -> U64:
    """Hash ids to uint64 (Q,): FNV-1a over the UTF-8 bytes, read straight from the Arrow buffers.

    query_ids: Arrow array, NumPy array or sequence, (Q,); numbers count as their decimal text.
    """
    ids = as_ids(query_ids if isinstance(query_ids, pa.Array | pa.ChunkedArray) else pa.array(query_ids))
    return _hash_bytes(*id_bytes(ids))


@parallel
def _hash_bytes(starts: I64, text: U8) -> U64:
    hashes = np.empty(len(starts) - 1, np.uint64)
    for q in prange(len(hashes)):
        code = FNV_OFFSET
        for position in range(starts[q], starts[q + 1]):
            code = (code ^ np.uint64(text[position])) * FNV_PRIME
        hashes[q] = code
    return hashes


def starting_states(seed: int, query_hashes: U64) -> U64:
    """Compute the start of each query's stream, uint64 (Q,): the scrambled seed combined with the query's hash."""
    return _scramble_all(query_hashes ^ np.uint64(scramble(np.uint64(seed % 2**64) ^ GOLDEN)))


@njit(cache=True)
def _scramble_all(values: U64) -> U64:
    scrambled = np.empty_like(values)
    for index in range(len(values)):
        scrambled[index] = scramble(values[index])
    return scrambled
