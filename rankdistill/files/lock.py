"""Locks: one process at a time writes into a folder."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from rankdistill.errors import UsageError

NAME = ".lock"


@contextmanager
def locked(folder: str | Path) -> Iterator[None]:
    """Keep a folder, created where it is missing, for this process; the lock of a killed process is no lock.

    A folder that was created, and in which nothing was written when the block raises, is removed again. Raises
    `UsageError` where another process has it. Where the file system has no locks, a warning says so.
    """
    folder = Path(folder)
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / NAME)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise UsageError(
            f"another process writes into {folder}: wait until it is done, or give another folder"
        ) from error
    except NotImplementedError:
        warnings.warn(
            f"the file system of {folder} has no locks: see to it that no other command writes there",
            UserWarning,
            stacklevel=3,
        )
    try:
        yield
    except BaseException:
        if is_new:
            _remove_if_empty(folder)
        raise
    finally:
        lock.release()


def _remove_if_empty(folder: Path) -> None:
    """Remove a folder that holds nothing but its lock."""
    with suppress(OSError):
        if [path.name for path in folder.iterdir()] == [NAME]:
            (folder / NAME).unlink()
            folder.rmdir()
