"""The store keeps every whole chunk, drops a torn one, and is for one writer at a time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rankdistill.errors import DataError, UsageError
from rankdistill.scoring import ScoreStore

FACTS = {"model": "abc"}
SCORES = np.arange(10, dtype=np.float32) / 3


def fill(folder: Path) -> ScoreStore:
    """A finished store of ten pairs in chunks of four."""
    with ScoreStore(folder, FACTS, 10, 4) as store:
        while store.next_size:
            rows = slice(store.n_done, store.n_done + store.next_size)
            store.append(SCORES[rows], n_truncated=rows.start)
    return store


def test_scores_and_counts_come_back(tmp_path: Path) -> None:
    fill(tmp_path)
    with ScoreStore(tmp_path, FACTS, 10, 4) as store:
        assert (store.n_done, store.n_truncated, store.next_size) == (10, 12, 0)
        np.testing.assert_array_equal(store.scores(), SCORES)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(cut=st.integers(0, 76), garbage=st.binary(max_size=90))
def test_whatever_a_kill_left_behind_the_end_is_byte_for_byte_the_same(
    tmp_path: Path, cut: int, garbage: bytes
) -> None:
    path = fill(tmp_path / "whole").path
    whole = path.read_bytes()
    assert len(whole) == 76
    path.write_bytes(whole[:cut] + garbage)
    with ScoreStore(tmp_path / "whole", FACTS, 10, 4) as store:
        assert store.n_done >= {0: 0, 1: 4, 2: 8, 3: 10}[sum(cut >= end for end in (28, 56, 76))]
        np.testing.assert_array_equal(store.scores(), SCORES[: store.n_done])
    assert fill(tmp_path / "whole").path.read_bytes() == whole


def test_a_flipped_bit_is_noticed_and_scored_again(tmp_path: Path) -> None:
    path = fill(tmp_path).path
    content = bytearray(path.read_bytes())
    content[30] ^= 1
    path.write_bytes(content)
    with ScoreStore(tmp_path, FACTS, 10, 4) as store:
        assert store.n_done == 4


def test_other_facts_are_another_file_and_are_readable(tmp_path: Path) -> None:
    stores = [
        ScoreStore(tmp_path, facts, n, c)
        for facts, n, c in [(FACTS, 10, 4), ({}, 10, 4), (FACTS, 9, 4), (FACTS, 10, 5)]
    ]
    assert len({store.path for store in stores}) == 4
    with stores[0] as store:
        described = json.loads(store.path.with_suffix(".json").read_text())
    assert described == {"model": "abc", "n_pairs": 10, "chunk_pairs": 4}


def test_wrong_chunks_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="chunk_pairs"):
        ScoreStore(tmp_path, FACTS, 10, 0)
    store = ScoreStore(tmp_path, FACTS, 10, 4)
    with pytest.raises(UsageError, match="`with` block"):
        store.append(SCORES[:4], 0)
    with store, pytest.raises(UsageError, match=r"float32 of shape \(4,\)"):
        store.append(SCORES[:3], 0)


@pytest.mark.skipif(sys.platform == "win32", reason="no file locks of this kind")
def test_second_process_on_the_same_scores_is_turned_away(tmp_path: Path) -> None:
    code = (
        "import sys; from rankdistill.scoring import ScoreStore; "
        "ScoreStore(sys.argv[1], {'model': 'abc'}, 10, 4).__enter__()"
    )
    with ScoreStore(tmp_path, FACTS, 10, 4):
        second = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False
        )
    assert second.returncode == 1
    assert "another process is writing the same scores" in second.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_full_disk_is_an_error_that_says_what_is_kept(tmp_path: Path) -> None:
    with ScoreStore(tmp_path, FACTS, 10, 4) as store:
        store.append(SCORES[:4], 0)
        with open("/dev/full", "wb", buffering=0) as full:
            real, store._file = store._file, full
            with pytest.raises(DataError, match="No space left on device after 4 of 10 scores, which are kept"):
                store.append(SCORES[4:8], 0)
            store._file = real
        store.append(SCORES[4:8], 0)
        np.testing.assert_array_equal(store.scores(), SCORES[:8])
