"""Kernels over ids against plain Python: matching, repetition, hashing apart what only looks alike."""

import itertools

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from rankdistill.data.kernels.ids import (
    compare_ids,
    hash_id,
    id_bytes,
    ids_from_bytes,
    match_rows,
    repeated_rows,
    take_ids,
)

IDS = st.text("aé1", max_size=20) | st.text(max_size=3)
LISTS = st.lists(st.lists(IDS, max_size=12), max_size=4)


def columns(lists):
    offsets = np.concatenate([[0], np.cumsum([len(ids) for ids in lists], dtype=np.int64)])
    return offsets, pa.array([i for ids in lists for i in ids], pa.large_string())


@given(LISTS, LISTS, st.randoms())
def test_rows_match_the_rows_of_the_same_id_in_the_list_named(a, b, random):
    a = [list(dict.fromkeys(ids)) for ids in a]
    lists = [random.choice(range(-1, len(a))) if a else -1 for _ in b]
    (offsets, ids), (offsets_b, ids_b) = columns(a), columns(b)
    found = match_rows(np.array(lists, np.int64), offsets, *id_bytes(ids), offsets_b, *id_bytes(ids_b))
    expected = [
        offsets[mine] + a[mine].index(wanted) if mine >= 0 and wanted in a[mine] else -1
        for mine, theirs in zip(lists, b, strict=True)
        for wanted in theirs
    ]
    assert found.tolist() == expected


@given(LISTS)
def test_repeated_rows_name_the_first_of_the_same_id_in_their_list(lists):
    offsets, ids = columns(lists)
    expected = [
        offsets[q] + ids_.index(id_) if ids_.index(id_) < at else -1
        for q, ids_ in enumerate(lists)
        for at, id_ in enumerate(ids_)
    ]
    assert repeated_rows(offsets, *id_bytes(ids)).tolist() == expected


@given(st.lists(IDS, min_size=1), st.data())
def test_ids_are_taken_and_viewed_as_arrow_has_them(values, data):
    ids = pa.array(["before", *values, "behind"], pa.large_string())[1:-1]
    rows = data.draw(st.lists(st.integers(0, len(values) - 1)))
    assert take_ids(ids, np.array(rows, np.int64)).to_pylist() == [values[row] for row in rows]
    starts, text = id_bytes(ids)
    assert [bytes(text[a:b]).decode() for a, b in itertools.pairwise(starts)] == values


@given(IDS, IDS)
def test_ids_compare_as_their_bytes_do(a, b):
    starts, text = id_bytes(pa.array([a, b], pa.large_string()))
    order = compare_ids(starts, text, 0, 1)
    assert (order > 0) - (order < 0) == (a.encode() > b.encode()) - (a.encode() < b.encode())


def test_hashes_of_numbers_spread_over_the_low_bits():
    ids = pa.array([str(i) for i in range(100_000)], pa.large_string())
    starts, text = id_bytes(ids)
    low = np.array([int(hash_id(text, starts[i], starts[i + 1])) & 1023 for i in range(len(ids))])
    counts = np.bincount(low, minlength=1024)
    assert counts.min() > 40
    assert counts.max() < 170


def test_arrays_without_ids_are_viewed():
    for ids in (pa.array([], pa.large_string()), pa.array([""], pa.large_string())):
        starts, text = id_bytes(ids)
        assert ids_from_bytes(starts, text).to_pylist() == ids.to_pylist()
