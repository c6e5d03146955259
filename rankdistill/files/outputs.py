"""Outputs: whether a file or folder can be written, found out before the work rather than after it.

Nothing is left behind: no folder is created, and the file that is written to try is removed.
"""

from __future__ import annotations

import os
from pathlib import Path

from rankdistill.errors import DataError, UsageError
from rankdistill.files.atomic import temporary_beside

TRIED = bytes(1 << 16)
"""What is written to try: a disk that has no room for it has none for a result."""


def check_output_file(path: str | Path) -> None:
    """Raise unless a file can be written at this path, new or in place of a file.

    Raises `UsageError` for an empty name, a folder, a link to nothing, a device or pipe, and a name that the system
    does not take; `DataError` for a place that is read-only or full.
    """
    path = _named(path)
    if os.path.isdir(path):
        raise UsageError(f"{path} is a folder, expected the name of a file to write")
    if os.path.exists(path) and not os.path.isfile(path):
        raise UsageError(f"{path} is a device or a pipe, expected the name of a file to write")
    _check_place(path)


def check_output_folder(path: str | Path, new: bool = False) -> None:
    """Raise unless files can be written into the folder at this path, which may not exist yet.

    new: refuse a folder that has files as well. Raises `UsageError` for an empty name, a file, a link to nothing, and a
    name that the system does not take; `DataError` for a place that is read-only or full.
    """
    path = _named(path)
    if os.path.exists(path) and not os.path.isdir(path):
        raise UsageError(f"{path} is a file, expected the name of a folder to write into")
    if new and os.path.isdir(path) and any(path.iterdir()):
        raise UsageError(f"{path} already exists and is not empty: give a new folder")
    _check_place(path)


def check_output_run(path: str | Path) -> None:
    """Check a run to write: a file, or a folder of parts where there is one; raises as these two do."""
    (check_output_folder if os.path.isdir(path) else check_output_file)(path)


def _named(path: str | Path) -> Path:
    """Return the path as one; refuse a name that is empty or that no system takes."""
    if not os.fspath(path):
        raise UsageError("the name of the output is empty")
    if "\0" in os.fspath(path):
        raise UsageError(f"the name of the output has a NUL character: {os.fspath(path)!r}")
    return Path(path)


def _check_place(path: Path) -> None:
    """Look for the folder that is there, however many are to be created below it, and write a file into it."""
    folder, missing = path, [path.absolute()]
    while not os.path.lexists(folder):
        missing.append(folder.absolute())
        folder = folder.parent
    for each in [*missing, *(folder / below.name for below in missing)]:  # too long as a whole, or one name
        try:
            os.lstat(each)
        except (FileNotFoundError, NotADirectoryError, PermissionError):  # only the system's limits are asked here
            pass
        except OSError as error:
            raise UsageError(f"{path} cannot be the name of an output: {error.strerror}") from error
    if not os.path.exists(folder):
        raise UsageError(f"{folder} is a link to {os.readlink(folder)}, which is not there: create it, or give another")
    if os.path.isfile(folder) and folder == path:
        folder = folder.resolve().parent
    if not os.path.isdir(folder):
        raise UsageError(f"{folder} is a file, so that {path} cannot be written: give another place")
    trial = temporary_beside(folder / "try")
    try:
        try:
            trial.write_bytes(TRIED)
        finally:
            trial.unlink(missing_ok=True)
    except OSError as error:
        raise DataError(
            f"cannot write {path}: {error.strerror} in {folder.absolute()}; make it writable, make room, or give "
            "another place"
        ) from error
