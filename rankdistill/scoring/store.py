"""ScoreStore: scores on disk, appended chunk by chunk; a killed run resumes after its last whole chunk."""

from __future__ import annotations

import os
import struct
import sys
import warnings
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np

from rankdistill.arrays import F32
from rankdistill.errors import DataError, UsageError
from rankdistill.files.atomic import atomic_path
from rankdistill.files.facts import canonical, digest

_COUNT = struct.Struct("<q")
_CHECKSUM = struct.Struct("<I")
_TRAILER_BYTES = _COUNT.size + _CHECKSUM.size


class ScoreStore:
    """One or several numbers for each of N pairs, in a file of records.

    A record holds a chunk's float32 numbers, its count of truncated pairs and a checksum. The file is named by the hash
    of ``facts``, everything that changes a score, which are written beside it as JSON for people. A record that a kill
    or a full disk left unfinished is dropped when the store is opened again. So is one that was damaged since, with
    those after it, and a warning says so. Use the store as a context manager; one process at a time.

    width: numbers for each pair; arrays are float32 (n,) for one, as for scores, and (n, width) for several, as for
    the logits of a head.
    """

    def __init__(
        self, folder: str | Path, facts: Mapping[str, Any], n_pairs: int, chunk_pairs: int, width: int = 1
    ) -> None:
        for name, size in (("chunk_pairs", chunk_pairs), ("width", width)):
            if size < 1:
                raise UsageError(f"{name} must be at least 1, got {size}")
        self.facts = {**facts, "n_pairs": n_pairs, "chunk_pairs": chunk_pairs}
        if width > 1:
            self.facts["width"] = width
        self.n_pairs, self.chunk_pairs, self.width = n_pairs, chunk_pairs, width
        self.key = digest(self.facts)
        self.path = Path(folder) / f"{self.key}.scores"
        self.n_done = 0
        self.n_truncated = 0
        self._file: BinaryIO | None = None
        self._end = 0

    def __enter__(self) -> ScoreStore:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_path(self.path.with_suffix(".json")) as described:
            described.write_text(canonical(self.facts) + "\n", encoding="utf-8")
        self.path.touch()
        self._file = open(self.path, "r+b", buffering=0)
        try:
            _lock(self._file, self.path)
            self._recover(self._file)
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def next_size(self) -> int:
        """Number of pairs in the next chunk, 0 when all are done."""
        return min(self.chunk_pairs, self.n_pairs - self.n_done)

    def append(self, scores: F32, n_truncated: int) -> None:
        """Add the next chunk, float32 (next_size,) or (next_size, width); after the return a kill does not lose it.

        Raises `DataError` where it cannot be written; the store is then as it was before the call.
        """
        if self._file is None:
            raise UsageError("a ScoreStore is written inside its `with` block")
        shape = self._shape(self.next_size)
        if scores.shape != shape or scores.dtype != np.float32:
            raise UsageError(f"the next chunk must be float32 of shape {shape}, got {scores.dtype} {scores.shape}")
        content = scores.astype("<f4").tobytes() + _COUNT.pack(n_truncated)
        record = content + _CHECKSUM.pack(zlib.crc32(content))
        try:
            written = self._file.write(record)
            while written < len(record):
                written += self._file.write(record[written:])
            os.fsync(self._file.fileno())
        except OSError as error:
            self._cut_at(self._file, self._end)
            raise DataError(
                f"{self.path}: {error.strerror} after {self.n_done:,} of {self.n_pairs:,} pairs, which are saved: "
                "make room and run the same command again to resume"
            ) from error
        self._end += len(record)
        self.n_done += len(scores)
        self.n_truncated += n_truncated

    def scores(self) -> F32:
        """Read the numbers of all pairs done so far, float32 (n_done,) or (n_done, width)."""
        scores = np.empty(self._shape(self.n_done), np.float32)
        with open(self.path, "rb") as file:
            for start in range(0, self.n_done, self.chunk_pairs):
                size = min(self.chunk_pairs, self.n_pairs - start)
                chunk = np.frombuffer(file.read(self._content_bytes(size)), "<f4")
                scores[start : start + size] = chunk.reshape(self._shape(size))
                file.seek(_TRAILER_BYTES, os.SEEK_CUR)
        return scores

    def _shape(self, size: int) -> tuple[int, ...]:
        return (size,) if self.width == 1 else (size, self.width)

    def _content_bytes(self, size: int) -> int:
        return 4 * size * self.width

    def _recover(self, file: BinaryIO) -> None:
        """Count the whole records and cut off what follows them."""
        end = self.n_done = self.n_truncated = 0
        while size := self.next_size:
            content, checksum = file.read(self._content_bytes(size) + _COUNT.size), file.read(_CHECKSUM.size)
            if checksum != _CHECKSUM.pack(zlib.crc32(content)):
                if len(checksum) == _CHECKSUM.size:
                    warnings.warn(
                        f"{self.path} is damaged after {self.n_done:,} of {self.n_pairs:,} pairs: the others are "
                        "scored again",
                        UserWarning,
                        stacklevel=3,
                    )
                break
            end += len(content) + len(checksum)
            self.n_done += size
            self.n_truncated += _COUNT.unpack(content[-_COUNT.size :])[0]
        self._cut_at(file, end)

    def _cut_at(self, file: BinaryIO, end: int) -> None:
        file.truncate(end)
        file.seek(end)
        self._end = end


def _lock(file: BinaryIO, path: Path) -> None:
    """Take the file for this process until it is closed or the process ends, where the system has such locks."""
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise DataError(f"another process is writing the same scores to {path}: wait for it, or stop it") from error
