"""Atomic writes: the final name holds the whole new file, or what it held before."""

import subprocess
import sys
from pathlib import Path

import pytest

from rankdistill.files.atomic import atomic_path
from rankdistill.files.checksums import damage

KILLED = """
import os, signal, sys
from rankdistill.files.atomic import atomic_path
with atomic_path(sys.argv[1]) as path:
    path.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_file_appears_under_its_name_only_when_the_block_succeeds(tmp_path):
    target = tmp_path / "sub" / "run.trec.gz"
    with atomic_path(target) as temporary:
        temporary.write_text("new")
        assert temporary.suffixes == [".trec", ".gz"]
        assert not target.exists()
    assert target.read_text() == "new"
    assert list(target.parent.iterdir()) == [target]


def test_a_failure_leaves_what_was_there_and_no_rest(tmp_path):
    target = tmp_path / "file"
    target.write_text("old")
    with pytest.raises(OSError, match="full"), atomic_path(target) as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise OSError("disk full")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_replaces_a_folder_as_a_whole(tmp_path):
    target = tmp_path / "model"
    target.mkdir()
    (target / "stale").touch()
    with atomic_path(target) as temporary:
        temporary.mkdir()
        (temporary / "weights").write_text("w")
    assert [path.name for path in target.iterdir()] == ["weights"]
    assert list(tmp_path.iterdir()) == [target]


def test_a_failing_folder_leaves_the_old_one(tmp_path):
    target = tmp_path / "model"
    target.mkdir()
    (target / "weights").touch()
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:  # noqa: PT012
        temporary.mkdir()
        (temporary / "half").touch()
        raise RuntimeError
    assert [path.name for path in target.iterdir()] == ["weights"]
    assert list(tmp_path.iterdir()) == [target]


def test_what_a_killed_process_left_is_removed_and_what_a_live_one_writes_is_kept(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "run.trec")], check=False)
    (left,) = tmp_path.iterdir()
    assert left.read_text() == "half"
    with atomic_path(tmp_path / "run.trec") as outer:
        outer.write_text("outer")
        with atomic_path(tmp_path / "other") as inner:
            inner.write_text("inner")
        assert outer.exists()
    assert {path.name for path in tmp_path.iterdir()} == {"run.trec", "other"}


def test_a_kill_between_the_checksums_and_the_file_counts_as_damage(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "part", sealed=True) as path:
        path.write_text("first")
    (tmp_path / "later").mkdir()
    with atomic_path(tmp_path / "later" / "part", sealed=True) as path:
        path.write_text("other")
    (tmp_path / "later" / ".part.checksum").replace(tmp_path / ".part.checksum")
    assert "checksum is another" in str(damage(tmp_path / "part"))
