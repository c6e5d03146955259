"""Texts on disk with an index of their ids, so that a hundred texts are looked up without reading a collection whole.

A collection's files are read once, and their texts kept in the cache folder, in ``texts/``, named by the files' paths,
sizes and times: a file that has changed is read anew. The folder holds Arrow's file of `Texts.save`, the sorted hashes
of the ids, and a checksum of every row, by which each row is checked when it is looked up.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from rankdistill import __version__
from rankdistill.arrays import I64
from rankdistill.data.candidates import as_ids
from rankdistill.data.kernels.ids import id_bytes
from rankdistill.data.texts import IdIndex, Texts, missing_text
from rankdistill.errors import DataError
from rankdistill.files.atomic import atomic_path
from rankdistill.files.cache import cache_folder
from rankdistill.files.checksums import check_undamaged
from rankdistill.files.facts import digest
from rankdistill.progress import say

FORM = 1
"""The number of what is kept; another is not read."""
WORTH = 1 << 21
"""Bytes of a collection's files from which on their texts are kept."""
MANY = 20_000
"""Ids from which on they are found by kernels, and the file is checked as a whole."""
TEXTS, HASHES, ORDER, CHECKS = "texts.arrow", "hashes.npy", "order.npy", "checks.npy"
FNV_START, FNV_PRIME, MASK = 0xCBF29CE484222325, 0x100000001B3, (1 << 64) - 1


def kept_texts(files: Sequence[Path], how: Any, read: Callable[[], Texts]) -> Texts:
    """The texts of files as an earlier command kept them, else as they are read now, which is kept if it is large.

    how: all that decides how the files are read, as JSON can hold it. What cannot be written is said.
    """
    states = [(str(file.resolve()), (state := file.stat()).st_size, state.st_mtime_ns) for file in files]
    if sum(size for _, size, _ in states) < WORTH:
        return read()
    folder = cache_folder() / "texts" / digest([FORM, __version__, states, how])
    if folder.is_dir():
        try:
            return IndexedTexts(folder)
        except Exception as error:  # NumPy and Arrow raise any type for a damaged file
            say(f"{folder} is damaged, and made again: {error}")
    texts = read()
    try:
        write_index(texts, folder)
    except OSError as error:
        say(f"the texts of {files[0].parent} are not kept for the next command: {error}")
    return texts


def write_index(texts: Texts, folder: Path) -> None:
    """Write texts and the index of their ids as a folder, whole or not at all."""
    index = IdIndex(texts.ids)
    with atomic_path(folder, sealed=True) as temporary:
        temporary.mkdir(parents=True)
        texts.save(temporary / TEXTS)
        np.save(temporary / HASHES, index.sorted_hashes)
        np.save(temporary / ORDER, index.order)
        np.save(temporary / CHECKS, np.fromiter(_checks(texts), np.uint32, len(texts)))


def _checks(texts: Texts) -> Iterator[int]:
    for ids, contents in texts.batches():
        starts, ends = _bytes_of(ids), _bytes_of(contents)
        yield from (zlib.crc32(text, zlib.crc32(name)) for name, text in zip(starts, ends, strict=True))


def _bytes_of(column: pa.Array) -> Iterator[bytes]:
    starts, text = id_bytes(column)
    data, bounds = text.data, starts.tolist()
    return (bytes(data[start:end]) for start, end in pairwise(bounds))


class IndexedTexts(Texts):
    """Texts that `write_index` wrote, mapped into memory; what is looked up is read, and checked, alone."""

    def __init__(self, folder: Path) -> None:
        """Open a folder; raise `DataError` for files that do not belong together."""
        self.folder = folder
        opened = Texts.open(folder / TEXTS, check=False)
        super().__init__(opened.ids, opened.texts)
        self._hashes, self._order, self._checks = (np.load(folder / n, mmap_mode="r") for n in (HASHES, ORDER, CHECKS))
        if [each.dtype for each in (self._hashes, self._order, self._checks)] != [np.uint64, np.int64, np.uint32]:
            raise DataError("its arrays are of other types than were written")
        lengths = {len(self._ids), len(self._hashes), len(self._order), len(self._checks)}
        if len(lengths) > 1:
            raise DataError(f"its files hold {', '.join(map(str, sorted(lengths)))} rows")
        self._columns = id_bytes(self._ids), id_bytes(self._texts)

    @property
    def texts(self) -> pa.Array:
        self._whole  # noqa: B018  (what is read as a whole is checked as a whole, once)
        return self._texts

    @property
    def ids(self) -> pa.Array:
        self._whole  # noqa: B018
        return self._ids

    def batches(self, size: int = 1 << 16) -> Iterator[tuple[pa.Array, pa.Array]]:
        self._whole  # noqa: B018
        return super().batches(size)

    def take(self, ids: pa.Array | Sequence[str]) -> list[str]:
        asked = as_ids(ids)
        rows = self.positions(asked)
        if (rows < 0).any():
            raise missing_text(asked.filter(pa.array(rows < 0)), len(asked))
        return [self._row(row)[1].decode() for row in rows.tolist()]

    def positions(self, ids: pa.Array | Sequence[str]) -> I64:
        asked = as_ids(ids)
        if len(asked) > MANY:
            self._whole  # noqa: B018
            return super().positions(asked)
        return np.array([self._position(name.encode()) for name in asked.to_pylist()], np.int64)

    @cached_property
    def _index(self) -> IdIndex:
        index = IdIndex.__new__(IdIndex)
        index.ids, index.order, index.sorted_hashes = self._ids, np.asarray(self._order), np.asarray(self._hashes)
        return index

    @cached_property
    def _whole(self) -> bool:
        """Compare all files with their checksums, once; raise `DataError` where they differ."""
        check_undamaged(self.folder, "the cache of texts", "delete the folder and run the command again")
        return True

    def _position(self, name: bytes) -> int:
        code = FNV_START
        for byte in name:
            code = (code ^ byte) * FNV_PRIME & MASK
        at = int(np.searchsorted(self._hashes, np.uint64(code)))
        while at < len(self._hashes) and int(self._hashes[at]) == code:
            row = int(self._order[at])
            if self._row(row)[0] == name:
                return row
            at += 1
        self._whole  # noqa: B018  (a damaged index must not pass for an id without a text)
        return -1

    def _row(self, row: int) -> tuple[bytes, bytes]:
        """Id and text of a row; `DataError` where they are not what was written."""
        found = []
        if 0 <= row < len(self._checks):
            for starts, text in self._columns:
                start, end = int(starts[row]), int(starts[row + 1])
                found.append(bytes(text[start:end]) if 0 <= start <= end <= len(text) else b"")
        if len(found) < 2 or zlib.crc32(found[1], zlib.crc32(found[0])) != int(self._checks[row]):
            raise DataError(f"the cache of texts {self.folder} is damaged: delete the folder and run the command again")
        return found[0], found[1]
