"""Atomic writes: the final name holds the whole new file, or what it held before."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rankdistill.errors import DataError
from rankdistill.files.atomic import KINDS, atomic_path, link_or_copy, remove_leftovers, temporary_beside
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


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("I/O error: No space left on device (os error 28)"),
        RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed"),
    ],
)
def test_a_full_disk_is_told_with_the_name_of_the_file(tmp_path: Path, error: Exception) -> None:
    target = tmp_path / "weights"
    with pytest.raises(OSError, match="No space left on device") as raised, atomic_path(target):
        raise error
    assert (raised.value.errno, raised.value.filename) == (errno.ENOSPC, str(target))


@pytest.mark.parametrize("error", [ValueError("odd"), DataError("a: No space left on device")])
def test_other_errors_are_left_as_they_are(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error)) as raised, atomic_path(tmp_path / "weights"):
        raise error
    assert raised.value is error


def test_an_error_of_another_file_keeps_its_name(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as raised, atomic_path(tmp_path / "copy"):
        (tmp_path / "source").read_bytes()
    assert raised.value.filename == str(tmp_path / "source")


def dead(kind: str, name: str) -> str:
    """The name of a temporary file of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return temporary_beside(Path(name), kind).name.replace(f"-{os.getpid()}-", f"-{process.pid}-")


def test_a_folder_that_a_killed_process_was_about_to_replace_gets_its_name_again(tmp_path: Path) -> None:
    retired, half = tmp_path / dead("old", "model"), tmp_path / dead("tmp", "model")
    for folder, text in ((retired, "whole"), (half, "new")):
        folder.mkdir()
        (folder / "weights").write_text(text)
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (tmp_path / "model" / "weights").read_text() == "whole"


def test_a_leftover_that_cannot_be_removed_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as another user's in a shared cache."""

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", str(path))

    left = tmp_path / dead("tmp", "index")
    left.touch()
    monkeypatch.setattr(Path, "unlink", refuse)
    remove_leftovers(tmp_path)
    assert left.exists()


def test_a_folder_is_swept_once_a_process_however_many_files_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched: list[Path] = []
    glob = Path.glob
    monkeypatch.setattr(Path, "glob", lambda folder, pattern: searched.append(folder) or glob(folder, pattern))
    for number in range(5):
        with atomic_path(tmp_path / str(number)) as path:
            path.touch()
    assert len(searched) == len(KINDS)


@pytest.mark.parametrize("has_links", [True, False])
def test_a_second_name_is_a_link_or_a_copy_and_is_written_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    def refuse(*given: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    one, other = tmp_path / "one.txt", tmp_path / "more" / "other.txt"
    one.write_text("first")
    if not has_links:
        monkeypatch.setattr(os, "link", refuse)
    for _ in range(2):
        link_or_copy(one, other, sealed=True)
        assert other.samefile(one) == has_links
        assert damage(other) is None
        assert other.read_text() == "first"
    with atomic_path(other) as path:
        path.write_text("second")
    assert one.read_text() == "first"
    assert {path.name for path in other.parent.iterdir()} == {"other.txt", ".other.txt.checksum"}
