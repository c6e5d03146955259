"""Files as bytes: mapped into memory, or decompressed where the name ends in ``.gz``."""

from __future__ import annotations

import gzip
import mmap
import zlib
from pathlib import Path

from rankdistill.errors import DataError, FileFormatError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
FileBytes = bytes | bytearray | mmap.mmap


def map_bytes(path: Path) -> FileBytes:
    """Open a file as bytes: memory-mapped, or read where it is a pipe or gzipped (``.gz``).

    Raises `DataError` for a file that cannot be read, `FileFormatError` for damaged gzip data.
    """
    try:
        with path.open("rb") as file:
            if path.suffix == ".gz":
                return _decompressed(path)
            if path.is_file() and path.stat().st_size:
                return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
            return file.read()
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error


def read_bytes(path: Path) -> bytes:
    """Read a whole file without its byte order mark; raise the errors of `map_bytes`."""
    return bytes(map_bytes(path)).removeprefix(BYTE_ORDER_MARK)


def _decompressed(path: Path) -> bytearray:
    data = bytearray()
    try:
        with gzip.open(path) as file:
            while part := file.read(1 << 22):
                data += part
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        line = 1 + data.count(b"\n")
        raise FileFormatError(path, line, str(error), "intact gzip data, as the name ends in .gz") from error
    return data
