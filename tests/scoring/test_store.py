"""The store keeps every whole chunk, drops a torn one, and is for one writer at a time."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rankdistill.errors import DataError, UsageError
from rankdistill.scoring import ScoreStore

FACTS = {"model": "abc"}
WIDTHS = pytest.mark.parametrize("width", [1, 3])


def numbers(width: int) -> np.ndarray:
    """Ten pairs' numbers."""
    values = np.arange(10 * width, dtype=np.float32) / 3
    return values if width == 1 else values.reshape(10, width)


def open_store(folder: Path, width: int = 1) -> ScoreStore:
    """A store of ten pairs in chunks of four."""
    return ScoreStore(folder, FACTS, 10, 4, width)


def fill(folder: Path, width: int = 1) -> Path:
    """Finish a store; return its file."""
    with open_store(folder, width) as store:
        while store.next_size:
            rows = slice(store.n_done, store.n_done + store.next_size)
            store.append(numbers(width)[rows], n_truncated=rows.start)
    return store.path


def record_ends(width: int) -> list[int]:
    """Where the records of four, four and two pairs end."""
    return [sum(4 * width * size + 12 for size in (4, 4, 2)[:n]) for n in (1, 2, 3)]


@WIDTHS
def test_numbers_and_counts_come_back(tmp_path: Path, width: int) -> None:
    fill(tmp_path, width)
    with open_store(tmp_path, width) as store:
        assert (store.n_done, store.n_truncated, store.next_size) == (10, 12, 0)
        np.testing.assert_array_equal(store.scores(), numbers(width))


@pytest.mark.filterwarnings("ignore:.* is damaged after")
@WIDTHS
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(share=st.floats(0, 1), garbage=st.binary(max_size=90))
def test_whatever_a_kill_left_behind_the_end_is_byte_for_byte_the_same(
    tmp_path: Path, width: int, share: float, garbage: bytes
) -> None:
    path = fill(tmp_path, width)
    whole, ends = path.read_bytes(), record_ends(width)
    assert len(whole) == ends[-1]
    cut = round(share * ends[-1])
    path.write_bytes(whole[:cut] + garbage)
    with open_store(tmp_path, width) as store:
        assert store.n_done >= (0, 4, 8, 10)[sum(cut >= end for end in ends)]
        np.testing.assert_array_equal(store.scores(), numbers(width)[: store.n_done])
    assert fill(tmp_path, width).read_bytes() == whole


@WIDTHS
def test_a_flipped_bit_is_noticed_and_scored_again(tmp_path: Path, width: int) -> None:
    path = fill(tmp_path, width)
    content = bytearray(path.read_bytes())
    content[record_ends(width)[0] + 2] ^= 1
    path.write_bytes(content)
    with pytest.warns(UserWarning, match="is damaged after 4 of 10 pairs: the others are scored again"):
        store = open_store(tmp_path, width).__enter__()
    assert store.n_done == 4
    store.__exit__(None, None, None)


@pytest.mark.parametrize("kept", [0, 5])
def test_a_store_that_was_cut_goes_on_after_its_last_whole_chunk_without_a_word(tmp_path: Path, kept: int) -> None:
    """As after every kill."""
    path = fill(tmp_path)
    whole = path.read_bytes()
    path.write_bytes(whole[: kept and record_ends(1)[0] + kept])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fill(tmp_path)
    assert path.read_bytes() == whole


def test_the_description_is_for_people_and_is_written_again(tmp_path: Path) -> None:
    described = fill(tmp_path).with_suffix(".json")
    text = described.read_text()
    described.write_text("")
    fill(tmp_path)
    assert described.read_text() == text


def test_other_facts_are_another_file_and_are_readable(tmp_path: Path) -> None:
    stores = [
        ScoreStore(tmp_path, facts, n_pairs, chunk_pairs, width)
        for facts, n_pairs, chunk_pairs, width in [
            (FACTS, 10, 4, 1),
            ({}, 10, 4, 1),
            (FACTS, 9, 4, 1),
            (FACTS, 10, 5, 1),
            (FACTS, 10, 4, 2),
            (FACTS, 10, 4, 3),
        ]
    ]
    assert len({store.path for store in stores}) == 6
    with stores[0] as store:
        described = json.loads(store.path.with_suffix(".json").read_text())
    assert described == {"model": "abc", "n_pairs": 10, "chunk_pairs": 4}


def test_the_name_of_a_store_of_scores_never_changes(tmp_path: Path) -> None:
    """Scores that took days are found again by a later version."""
    assert open_store(tmp_path).path.name == "e629952bbea30c1da1cc953d282fdae5.scores"


@pytest.mark.parametrize(("chunk_pairs", "width", "named"), [(0, 1, "chunk_pairs"), (4, 0, "width")])
def test_sizes_below_one_are_refused(tmp_path: Path, chunk_pairs: int, width: int, named: str) -> None:
    with pytest.raises(UsageError, match=f"{named} must be at least 1, got 0"):
        ScoreStore(tmp_path, FACTS, 10, chunk_pairs, width)


@pytest.mark.parametrize(
    ("width", "shape", "expected"),
    [(1, (3,), r"\(4,\)"), (1, (4, 1), r"\(4,\)"), (3, (4,), r"\(4, 3\)"), (3, (4, 2), r"\(4, 3\)")],
)
def test_chunks_of_another_shape_are_refused(tmp_path: Path, width: int, shape: tuple[int, ...], expected: str) -> None:
    with open_store(tmp_path, width) as store, pytest.raises(UsageError, match=f"float32 of shape {expected}"):
        store.append(np.zeros(shape, np.float32), 0)


def test_a_closed_store_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`with` block"):
        open_store(tmp_path).append(numbers(1)[:4], 0)


@pytest.mark.skipif(sys.platform == "win32", reason="no file locks of this kind")
def test_second_process_on_the_same_scores_is_refused(tmp_path: Path) -> None:
    code = (
        "import sys; from rankdistill.scoring import ScoreStore; "
        "ScoreStore(sys.argv[1], {'model': 'abc'}, 10, 4).__enter__()"
    )
    with open_store(tmp_path):
        second = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
        )
    assert second.returncode == 1
    assert "another process is writing the same scores" in second.stderr


@contextmanager
def room_for(n_bytes: int) -> Iterator[None]:
    """Let no file of this process grow beyond a size, as on a disk that is nearly full: the rest is not written."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.skipif(sys.platform == "win32", reason="no limits on the size of files")
@WIDTHS
def test_after_a_full_disk_the_same_store_goes_on_without_the_torn_chunk(tmp_path: Path, width: int) -> None:
    """The part of the record that still went onto the disk must not stay before the next one."""
    whole = fill(tmp_path / "whole", width).read_bytes()
    with open_store(tmp_path, width) as store:
        store.append(numbers(width)[:4], 0)
        message = "File too large after 4 of 10 pairs, which are saved"
        with room_for(record_ends(width)[0] + 9), pytest.raises(DataError, match=message):
            store.append(numbers(width)[4:8], 4)
        assert store.n_done == 4
        store.append(numbers(width)[4:8], 4)
        store.append(numbers(width)[8:], 8)
    assert store.path.read_bytes() == whole
