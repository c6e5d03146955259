"""Ids inside kernels: concatenated UTF-8 bytes, found by their hashes and confirmed by comparing all bytes.

Ids (n,) come as ``starts`` int64 (n+1,) and ``text`` uint8: id i is ``text[starts[i]:starts[i+1]]``, which is how Arrow
keeps them. See `id_bytes`.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import pyarrow as pa
from numba import njit, prange
from numpy.typing import NDArray

from rankdistill.arrays import I64, U8
from rankdistill.parallel import parallel

T = TypeVar("T", bound=np.generic)
IdBytes = tuple[I64, U8]

ID_HASH_START, ID_HASH_FACTOR = np.uint64(0xCBF29CE484222325), np.uint64(0x9E3779B97F4A7C15)

FEW = 4  # comparing with up to this many ids takes less time than hashing


def id_bytes(ids: pa.Array) -> IdBytes:
    """View the ids of a large_string array (n,) as starts int64 (n+1,) and text uint8, both read-only."""
    _, starts, text = ids.buffers()
    if not len(ids) or text is None:
        return _frozen(np.zeros(len(ids) + 1, np.int64)), _frozen(np.zeros(0, np.uint8))
    return (
        _frozen(np.frombuffer(starts, np.int64)[ids.offset : ids.offset + len(ids) + 1]),
        _frozen(np.frombuffer(text, np.uint8)),
    )


def ids_from_bytes(starts: I64, text: U8) -> pa.Array:
    """Make a large_string array of ids from starts and text, without a copy: the reverse of `id_bytes`."""
    return pa.LargeStringArray.from_buffers(len(starts) - 1, pa.py_buffer(starts), pa.py_buffer(text))


def _frozen(array: NDArray[T]) -> NDArray[T]:
    """Make an array read-only, so that kernels are compiled for read-only arrays alone and not for both kinds."""
    array.flags.writeable = False
    return array


def take_ids(ids: pa.Array, rows: I64) -> pa.Array:
    """Take the ids (n,) at these rows: large_string (len(rows),)."""
    starts, text = id_bytes(ids)
    taken = np.zeros(len(rows) + 1, np.int64)
    np.cumsum(np.diff(starts)[rows], out=taken[1:])
    return ids_from_bytes(taken, copy_ids(starts, text, rows, taken))


@parallel
def copy_ids(starts: I64, text: U8, rows: I64, taken: I64) -> U8:
    """Copy the ids at ``rows`` (n,), concatenated, to the starts ``taken`` int64 (n+1,)."""
    copy = np.empty(taken[-1], np.uint8)
    for i in prange(len(rows)):
        copy_id(text, starts[rows[i]], copy, taken[i], taken[i + 1])
    return copy


@njit(cache=True)
def copy_id(source: U8, at: int, text: U8, start: int, end: int) -> None:
    """Copy the bytes of ``source`` that begin at ``at`` to ``text[start:end]``."""
    to, source_at = np.uint64(start), np.uint64(at)  # unsigned: see `hash_id`
    for i in range(np.uint64(end - start)):
        text[to + i] = source[source_at + i]


@njit(cache=True)
def hash_id(text: U8, start: int, end: int) -> np.uint64:
    """Hash an id as FNV-1a does, but eight bytes at a time, mixed so that the low bits depend on all bytes."""
    value = ID_HASH_START
    at, last = np.uint64(start), np.uint64(end)  # an unsigned index needs no check for counting from the end
    while at < last:
        word = np.uint64(0)
        for i in range(at, min(at + np.uint64(8), last)):
            word = (word << np.uint64(8)) | np.uint64(text[i])
        value = (value ^ word) * ID_HASH_FACTOR
        value ^= value >> np.uint64(32)
        at += np.uint64(8)
    return value


@njit(cache=True)
def same_id(text_a: U8, start_a: int, end_a: int, text_b: U8, start_b: int, end_b: int) -> bool:
    """Tell whether two ids have the same bytes."""
    if end_a - start_a != end_b - start_b:
        return False
    a, b = np.uint64(start_a), np.uint64(start_b)  # unsigned: see `hash_id`
    for i in range(np.uint64(end_a - start_a)):  # noqa: SIM110  (Numba compiles no generator)
        if text_a[a + i] != text_b[b + i]:
            return False
    return True


@njit(cache=True)
def compare_ids(starts: I64, text: U8, a: int, b: int) -> np.int64:
    """Compare ids a and b by their bytes: below 0 where a comes first, 0 where they are equal."""
    length_a, length_b = starts[a + 1] - starts[a], starts[b + 1] - starts[b]
    for i in range(min(length_a, length_b)):
        difference = np.int64(text[starts[a] + i]) - np.int64(text[starts[b] + i])
        if difference != 0:
            return difference
    return length_a - length_b


@parallel
def match_rows(lists: I64, offsets: I64, starts: I64, text: U8, offsets_b: I64, starts_b: I64, text_b: U8) -> I64:
    """Find rows of B among rows of A, list by list: int64 (N_B,), the row of A with the same id, -1 where none.

    lists: int64 (Q_B,), for each list of B the list of A to look in, -1 for none. offsets (Q+1,): rows of each list.
    """
    rows = np.full(offsets_b[-1], -1, np.int64)
    for q in prange(len(lists)):
        if lists[q] < 0 or offsets_b[q] == offsets_b[q + 1]:
            continue
        begin, end = offsets[lists[q]], offsets[lists[q] + 1]
        if end - begin <= FEW:
            for row in range(offsets_b[q], offsets_b[q + 1]):
                for other in range(begin, end):
                    if same_id(text, starts[other], starts[other + 1], text_b, starts_b[row], starts_b[row + 1]):
                        rows[row] = other
            continue
        slots = table(end - begin)
        for row in range(begin, end):
            insert(slots, starts, text, row)
        for row in range(offsets_b[q], offsets_b[q + 1]):
            at = np.int64(hash_id(text_b, starts_b[row], starts_b[row + 1]) & np.uint64(len(slots) - 1))
            while slots[at] >= 0:
                other = slots[at]
                if same_id(text, starts[other], starts[other + 1], text_b, starts_b[row], starts_b[row + 1]):
                    rows[row] = other
                    break
                at = (at + 1) & (len(slots) - 1)
    return rows


@parallel
def repeated_rows(offsets: I64, starts: I64, text: U8) -> I64:
    """Find for each row the first row of its list with the same id, -1 where it is that row: int64 (N,)."""
    repeated = np.full(offsets[-1], -1, np.int64)
    for q in prange(len(offsets) - 1):
        slots = table(offsets[q + 1] - offsets[q])
        for row in range(offsets[q], offsets[q + 1]):
            first = insert(slots, starts, text, row)
            if first != row:
                repeated[row] = first
    return repeated


@njit(cache=True)
def table(n: int) -> I64:
    """Make an empty hash table for n rows: at least 2n slots, a power of two, all -1."""
    size = 2
    while size < 2 * n:
        size *= 2
    return np.full(size, -1, np.int64)


@njit(cache=True)
def insert(slots: I64, starts: I64, text: U8, row: int) -> int:
    """Insert a row unless the table has one with the same id; return the row that the table has in the end."""
    at = np.int64(hash_id(text, starts[row], starts[row + 1]) & np.uint64(len(slots) - 1))
    while slots[at] >= 0:
        there = slots[at]
        if same_id(text, starts[there], starts[there + 1], text, starts[row], starts[row + 1]):
            return there
        at = (at + 1) & (len(slots) - 1)
    slots[at] = row
    return row
