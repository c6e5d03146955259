"""ScoreStore: scores on disk, appended chunk by chunk; a killed run goes on where its last whole chunk ended."""

from __future__ import annotations

import os
import struct
import sys
import zlib
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from rankdistill.errors import DataError, UsageError
from rankdistill.files.atomic import atomic_path
from rankdistill.files.facts import canonical, digest

Floats = NDArray[np.float32]
_COUNT = struct.Struct("<q")
_CHECKSUM = struct.Struct("<I")
_TRAILER_BYTES = _COUNT.size + _CHECKSUM.size


class ScoreStore:
    """Scores of N pairs in one file of records: a chunk's float32 scores, its count of truncated pairs, a checksum.

    The file is named by the hash of ``facts``, everything that changes a score, kept beside it as JSON for people. A
    record that a kill or a full disk left unfinished fails its checksum and is dropped when the store is opened again.
    Use it as a context manager; one process at a time.
    """

    def __init__(self, folder: str | Path, facts: Mapping[str, Any], n_pairs: int, chunk_pairs: int) -> None:
        if chunk_pairs < 1:
            raise UsageError(f"chunk_pairs must be at least 1, got {chunk_pairs}")
        self.facts = {**facts, "n_pairs": n_pairs, "chunk_pairs": chunk_pairs}
        self.n_pairs, self.chunk_pairs = n_pairs, chunk_pairs
        self.key = digest(self.facts)
        self.path = Path(folder) / f"{self.key}.scores"
        self.n_done = 0
        self.n_truncated = 0
        self._file: BinaryIO | None = None

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

    def append(self, scores: Floats, n_truncated: int) -> None:
        """Add the next chunk's scores, float32 (next_size,); once this returns, a kill does not lose them."""
        if self._file is None:
            raise UsageError("a ScoreStore is written inside its `with` block")
        if scores.shape != (self.next_size,) or scores.dtype != np.float32:
            raise UsageError(
                f"the next chunk must be float32 of shape ({self.next_size},), got {scores.dtype} {scores.shape}"
            )
        content = scores.astype("<f4").tobytes() + _COUNT.pack(n_truncated)
        record = content + _CHECKSUM.pack(zlib.crc32(content))
        try:
            written = self._file.write(record)
            while written < len(record):
                written += self._file.write(record[written:])
            os.fsync(self._file.fileno())
        except OSError as error:
            raise DataError(
                f"{self.path}: {error.strerror} after {self.n_done} of {self.n_pairs} scores, which are kept: "
                "make room and run the same again to go on from there"
            ) from error
        self.n_done += len(scores)
        self.n_truncated += n_truncated

    def scores(self) -> Floats:
        """Read the scores of all pairs done so far, float32 (n_done,)."""
        made = np.empty(self.n_done, np.float32)
        with open(self.path, "rb") as file:
            for start in range(0, self.n_done, self.chunk_pairs):
                size = min(self.chunk_pairs, self.n_pairs - start)
                made[start : start + size] = np.frombuffer(file.read(4 * size), "<f4")
                file.seek(_TRAILER_BYTES, os.SEEK_CUR)
        return made

    def _recover(self, file: BinaryIO) -> None:
        """Count the whole records and cut off what follows them."""
        end = 0
        self.n_done = self.n_truncated = 0
        while size := self.next_size:
            content, checksum = file.read(4 * size + _COUNT.size), file.read(_CHECKSUM.size)
            if checksum != _CHECKSUM.pack(zlib.crc32(content)):
                break
            end += len(content) + len(checksum)
            self.n_done += size
            self.n_truncated += _COUNT.unpack(content[-_COUNT.size :])[0]
        file.truncate(end)
        file.seek(end)


def _lock(file: BinaryIO, path: Path) -> None:
    """Take the file for this process until it is closed or the process ends, where the system has such locks."""
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise DataError(f"another process is writing the same scores to {path}: wait for it, or stop it") from error
