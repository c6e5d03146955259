"""Write files so that neither a kill nor a full disk leaves an incomplete file under its final name."""

from __future__ import annotations

import errno
import gzip
import os
import platform
import re
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from rankdistill.errors import RankDistillError
from rankdistill.files.checksums import IN_FOLDER, checksums_path, checksums_text

_HOST = uuid.uuid5(uuid.NAMESPACE_DNS, platform.node()).hex[:8]
KINDS = ("old", "tmp")  # a folder that is being replaced, and a new file or folder
LONGEST_END = 120  # bytes
_FULL = re.compile(r"No space left|[Dd]isk quota exceeded|File too large|file write failed")
"""What libraries that raise errors of their own say of a full disk: safetensors, PyTorch."""
_swept: set[Path] = set()  # folders from which this process has removed what killed processes left


@contextmanager
def atomic_path(path: str | Path, sealed: bool = False) -> Iterator[Path]:
    """Yield a temporary name beside ``path``, of a file or folder; rename it to ``path`` when the block succeeds.

    The temporary name keeps every suffix of ``path``, for writers that depend on ``.gz`` or ``.parquet``. An existing
    file or folder at ``path`` is replaced only at the end; on an exception the temporary one is removed. Of a link,
    what it names is written. What killed processes of this machine left in the same folder is removed, too.
    Raises `OSError` with the name of the file where it cannot be written, whatever the block raises for a full disk.

    sealed: write checksums as well (see `rankdistill.files.checksums`). A kill in between leaves a file whose
    checksums are another's, which counts as damaged.
    """
    path = Path(path)
    if path.is_symlink():  # what the link names is written, not the link replaced
        path = path.resolve()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(error.errno, f"cannot create the folder ({error.strerror})", str(path.parent)) from error
    remove_leftovers(path.parent)
    temporary = temporary_beside(path)
    try:
        yield temporary
        if sealed and temporary.is_dir():
            (temporary / IN_FOLDER).write_text(checksums_text(temporary), encoding="utf-8")
        elif sealed:
            with atomic_path(checksums_path(path)) as beside:
                beside.write_text(checksums_text(temporary, path.name), encoding="utf-8")
        if temporary.is_dir() and path.is_dir():
            retired = temporary_beside(path, "old")
            os.rename(path, retired)
            os.rename(temporary, path)
            shutil.rmtree(retired)
        elif path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "is a folder, expected the name of a file", str(path))
        else:
            os.replace(temporary, path)
    except OSError as error:
        if error.filename is None or str(temporary) in str(error.filename):
            raise OSError(error.errno or errno.EIO, error.strerror or str(error), str(path)) from error
        raise
    except RankDistillError:
        raise
    except Exception as error:
        if _FULL.search(str(error)):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
        raise
    finally:
        _remove(temporary)


@contextmanager
def atomic_file(path: str | Path) -> Iterator[IO[bytes] | gzip.GzipFile]:
    """Open a file to write as `atomic_path` names it; one whose name ends in ``.gz`` is gzipped.

    A gzip header without time and name gives equal contents equal bytes.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as raw:
        if Path(path).suffix == ".gz":
            with gzip.GzipFile("", "wb", fileobj=raw, mtime=0, compresslevel=6) as zipped:
                yield zipped
        else:
            yield raw


def link_or_copy(source: Path, path: Path, sealed: bool = False) -> None:
    """Give the contents of a file a second name by a hard link, or by a copy where the file system has no such link.

    What is written by `atomic_path` under one of the names later does not change the other. sealed: see `atomic_path`.
    """
    with atomic_path(path, sealed) as temporary:
        try:
            os.link(source.resolve(), temporary)
        except OSError:  # another file system, or one without links
            shutil.copyfile(source, temporary)


def remove_leftovers(folder: Path) -> None:
    """Remove the temporary files and folders that killed processes of this machine left; once a process and folder.

    A folder that was about to be replaced gets its name again.
    """
    folder = folder.resolve()
    if folder in _swept:
        return
    _swept.add(folder)
    for kind in KINDS:
        for path in folder.glob(f".{kind}-{_HOST}-*-*-*"):
            _, _, process, _, name = path.name.split("-", 4)
            if process.isdecimal() and not _runs(int(process)):
                with suppress(OSError):  # it is another user's, or another process removes it
                    if kind == "old" and not (folder / name).exists():  # a kill between the two renamings
                        os.rename(path, folder / name)
                    else:
                        _remove(path)


def temporary_beside(path: Path, kind: str = "tmp") -> Path:
    """Name a temporary file: hidden, with the machine and process that write it, and with the suffixes of ``path``.

    Of a long name only the end is kept, so that a file may have any name that the system takes.
    """
    end = os.fsencode(path.name)[-LONGEST_END:].decode(errors="ignore")
    return path.with_name(f".{kind}-{_HOST}-{os.getpid()}-{uuid.uuid4().hex[:8]}-{end}")


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
