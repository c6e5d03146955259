"""Outputs that cannot be written are refused before the work, by name, and nothing is left of the trial."""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path

import pytest

from rankdistill.errors import DataError, UsageError
from rankdistill.files.atomic import atomic_path
from rankdistill.files.outputs import check_output_file, check_output_folder

BOTH = pytest.mark.parametrize("check", [check_output_file, check_output_folder])


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with a file, a folder that has a file, and links to a file, a folder and nothing."""
    (tmp_path / "file").write_text("kept")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inside").touch()
    for name in ("file", "folder", "nothing"):
        (tmp_path / f"link-to-{name}").symlink_to(tmp_path / name)
    return tmp_path


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize("name", ["new", "deep/er/new", "file", "link-to-file", "n" * 255])
def test_a_file_that_can_be_written_is_taken_and_nothing_is_created(place: Path, name: str) -> None:
    before = files(place)
    check_output_file(place / name)
    assert files(place) == before
    with atomic_path(place / name) as path:
        path.write_text("written")
    assert (place / name).read_text() == "written"


@pytest.mark.parametrize("name", ["new", "deep/er/new", "folder", "link-to-folder", "n" * 255])
def test_a_folder_that_can_be_written_into_is_taken_and_nothing_is_created(place: Path, name: str) -> None:
    before = files(place)
    check_output_folder(place / name)
    assert files(place) == before


def test_what_a_link_names_is_written_not_the_link_replaced(place: Path) -> None:
    with atomic_path(place / "link-to-file", sealed=True) as path:
        path.write_text("written")
    assert (place / "file").read_text() == "written"
    assert (place / "link-to-file").is_symlink()
    assert (place / ".file.checksum").is_file()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("folder", "is a folder, expected the name of a file to write"),
        ("link-to-folder", "is a folder, expected the name of a file to write"),
        (".", "is a folder, expected the name of a file to write"),
    ],
)
def test_a_folder_is_no_file(place: Path, name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check_output_file(place / name)


def test_a_device_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="is a device or a pipe"):
        check_output_file(tmp_path / "pipe")


@pytest.mark.parametrize("name", ["file", "link-to-file"])
def test_a_file_is_no_folder(place: Path, name: str) -> None:
    with pytest.raises(UsageError, match="is a file, expected the name of a folder"):
        check_output_folder(place / name)


def test_a_new_folder_has_no_files(place: Path) -> None:
    check_output_folder(place / "folder")
    check_output_folder(place / "other", new=True)
    with pytest.raises(UsageError, match="already exists and is not empty: give a new folder"):
        check_output_folder(place / "folder", new=True)


@BOTH
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("file/out", "file is a file, so that .*file/out cannot be written"),
        ("file/deep/out", "file is a file, so that"),
        ("link-to-nothing", "is a link to .*nothing, which is not there"),
        ("link-to-nothing/out", "is a link to .*nothing, which is not there"),
        ("n" * 256, "cannot be the name of an output: File name too long"),
        (f"folder/{'n' * 256}", "cannot be the name of an output: File name too long"),
        (f"new/{'n' * 256}/out", "cannot be the name of an output: File name too long"),
        ("/".join(["deep"] * 1000), "cannot be the name of an output: File name too long"),
        ("a\0b", "has a NUL character"),
    ],
)
def test_a_place_that_cannot_be_is_refused(place: Path, check, name: str, said: str) -> None:
    before = files(place)
    with pytest.raises(UsageError, match=said):
        check(place / name)
    assert files(place) == before


@BOTH
def test_an_empty_name_is_refused(check) -> None:
    with pytest.raises(UsageError, match="the name of the output is empty"):
        check("")


@BOTH
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_place_that_is_full_or_read_only_is_refused(
    place: Path, monkeypatch: pytest.MonkeyPatch, check, number: int
) -> None:
    def refuse(path: Path, data: bytes) -> int:
        path.touch()
        raise OSError(number, os.strerror(number))

    before = files(place)
    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.raises(DataError, match=rf"cannot write .*out: {os.strerror(number)} in .*; make it writable"):
        check(place / "new" / "out")
    assert files(place) == before


@BOTH
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="no /proc")
def test_a_file_system_without_files_of_users_is_refused(check) -> None:
    with pytest.raises(DataError, match="cannot write /proc/out"):
        check("/proc/out")
