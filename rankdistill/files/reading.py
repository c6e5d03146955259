"""Files as bytes: mapped into memory, or decompressed where the name ends in ``.gz``."""

from __future__ import annotations

import gzip
import mmap
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from rankdistill.errors import DataError, FileFormatError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
FileBytes = bytes | bytearray | mmap.mmap


GZIP = b"\x1f\x8b"
FOREIGN = {
    b"\xff\xfe": "text in UTF-16",
    b"\xfe\xff": "text in UTF-16",
    b"(\xb5/\xfd": "Zstandard data",
    b"\xfd7zXZ\x00": "xz data",
    b"BZh91AY&SY": "bzip2 data",
    b"PK\x03\x04": "a zip archive",
    b"PAR1": "a Parquet file",
    b"ARROW1\x00": "an Arrow file",
    b"%PDF-": "a PDF",
    b"\x89HDF": "an HDF5 file",
    b"version https://git-lfs.github.com/spec/": "a pointer of Git LFS, not the file itself (run `git lfs pull`)",
}
"""First bytes of files that are no text in UTF-8, and what they are."""


def map_bytes(path: Path) -> FileBytes:
    """Open a file of text as bytes: memory-mapped, or read where it is a pipe or gzipped, whatever its name.

    Raises `DataError` for a file that cannot be read, `FileFormatError` for damaged gzip data and for files of
    other kinds, such as zip archives.
    """
    try:
        with path.open("rb") as file:
            if not path.is_file():
                return file.read()
            data = file.read(64)
            if path.suffix == ".gz" or data.startswith(GZIP):
                return _decompressed(path)
            _refuse_foreign(path, data)
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if data else data
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error


def read_bytes(path: Path) -> bytes:
    """Read a whole file without its byte order mark; raise the errors of `map_bytes`."""
    return bytes(map_bytes(path)).removeprefix(BYTE_ORDER_MARK)


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """Open a file to be read once from its start on, decompressed where it is gzipped, without its byte order mark.

    The stream can ``peek``, and nothing of it is kept. Raises the errors of `map_bytes`, inside the block, too.
    """
    try:
        with path.open("rb") as file:
            first = file.peek(64)[:64]
            zipped = path.suffix == ".gz" or first.startswith(GZIP)
            if zipped and not first:
                raise EOFError("an empty file")
            stream = cast(BinaryIO, gzip.GzipFile(fileobj=file) if zipped else file)
            first = stream.peek(64)[:64]  # type: ignore[attr-defined]
            _refuse_foreign(path, first)
            if first.startswith(BYTE_ORDER_MARK):
                stream.read(len(BYTE_ORDER_MARK))
            yield stream
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _damaged(path, error, 1, plain=isinstance(error, gzip.BadGzipFile)) from error
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error


def is_unicode(text: str) -> bool:
    """Tell whether the text is Unicode: JSON can escape surrogates, which UTF-8 cannot encode."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_unicode(text: str, path: Path, number: int, line: str, expected: str) -> None:
    """Raise `FileFormatError`, with what is expected of a line, for a text of it that is not Unicode."""
    if not is_unicode(text):
        raise FileFormatError(path, number, line, f"{expected}, of whole characters, not half of a surrogate pair")


def _decompressed(path: Path) -> bytearray:
    data = bytearray()
    try:
        if not path.stat().st_size:
            raise EOFError("an empty file")
        with gzip.open(path) as file:
            while part := file.read(1 << 22):
                data += part
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        plain = isinstance(error, gzip.BadGzipFile) and not data
        raise _damaged(path, error, 1 + data.count(b"\n"), plain=plain) from error
    _refuse_foreign(path, bytes(data[:64]))
    return data


def _damaged(path: Path, error: Exception, line: int, *, plain: bool) -> FileFormatError:
    """The error for gzip data that cannot be decompressed; plain: it may be no gzip data at all."""
    hint = ", or take .gz off its name where it is plain text" if plain else ""
    return FileFormatError(path, line, str(error), f"intact gzip data: fetch or write the file again{hint}")


def _refuse_foreign(path: Path, data: bytes) -> None:
    for first, what in FOREIGN.items():
        if data.startswith(first):
            raise FileFormatError(path, 1, what, "text in UTF-8, as it is or gzipped")
