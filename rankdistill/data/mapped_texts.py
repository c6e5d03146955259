"""Few texts of a large collection, looked up in files that an earlier command wrote, without Arrow and Numba.

The files are those of `rankdistill.data.text_index`: Arrow's file of all texts, with the places of its columns beside
it, the sorted hashes of the ids, and a checksum of every row, by which each row is checked when it is looked up.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from rankdistill import __version__
from rankdistill.arrays import I64, U8
from rankdistill.errors import DataError
from rankdistill.files.cache import cache_folder
from rankdistill.files.checksums import check_undamaged
from rankdistill.files.facts import digest

FORM = 2
"""The number of what is kept; another is not read."""
WORTH = 1 << 21
"""Bytes of a collection's files from which on their texts are kept."""
TEXTS, HASHES, ORDER, CHECKS, PLACES = "texts.arrow", "hashes.npy", "order.npy", "checks.npy", "places.json"
FNV_START, FNV_PRIME, MASK = 0xCBF29CE484222325, 0x100000001B3, (1 << 64) - 1


def kept_folder(files: Sequence[Path], how: Any) -> Path | None:
    """The folder for the texts of files, whether it is there or not; None where they are too small to be kept.

    how: all that decides how the files are read, as JSON can hold it.
    """
    states = [(str(file.resolve()), (state := file.stat()).st_size, state.st_mtime_ns) for file in files]
    if sum(size for _, size, _ in states) < WORTH:
        return None
    return cache_folder() / "texts" / digest([FORM, __version__, states, how])


class MappedTexts:
    """Texts by id in a folder of the cache, mapped into memory; what is looked up is read, and checked, alone."""

    def __init__(self, folder: Path) -> None:
        """Open a folder; raise `DataError` for files that do not belong together, and others where one is damaged."""
        self.folder = folder
        self.hashes, self.order, self.checks = (np.load(folder / n, mmap_mode="r") for n in (HASHES, ORDER, CHECKS))
        if [each.dtype for each in (self.hashes, self.order, self.checks)] != [np.uint64, np.int64, np.uint32]:
            raise DataError("its arrays are of other types than were written")
        lengths = {len(each) for each in (self.hashes, self.order, self.checks)}
        if len(lengths) > 1:
            raise DataError(f"its files hold {', '.join(map(str, sorted(lengths)))} rows")
        places = json.loads((folder / PLACES).read_text(encoding="utf-8"))
        self._columns = [_column(folder / TEXTS, len(self.checks), *place) for place in places]

    def __len__(self) -> int:
        return len(self.checks)

    def take(self, ids: Sequence[str]) -> list[str]:
        """Look up the texts of these ids, in this order; raise `DataError` naming the first id that has none."""
        rows = self.positions(ids)
        if lacking := [name for name, row in zip(ids, rows, strict=True) if row < 0]:
            raise missing_text(lacking, len(ids))
        return [self._row(row)[1].decode() for row in rows]

    def positions(self, ids: Sequence[str]) -> list[int]:
        """Find each id: its row, -1 where it has no text."""
        return [self._position(name.encode()) for name in ids]

    @cached_property
    def whole(self) -> bool:
        """Compare all files with their checksums, once; raise `DataError` where they differ."""
        check_undamaged(self.folder, "the cache of texts", "delete the folder and run the command again")
        return True

    def _position(self, name: bytes) -> int:
        code = FNV_START
        for byte in name:
            code = (code ^ byte) * FNV_PRIME & MASK
        at = int(np.searchsorted(self.hashes, np.uint64(code)))
        while at < len(self.hashes) and int(self.hashes[at]) == code:
            row = int(self.order[at])
            if self._row(row)[0] == name:
                return row
            at += 1
        self.whole  # noqa: B018  (a damaged index must not pass for an id without a text)
        return -1

    def _row(self, row: int) -> tuple[bytes, bytes]:
        """Id and text of a row; `DataError` where they are not what was written."""
        found = []
        if 0 <= row < len(self.checks):
            for starts, text in self._columns:
                start, end = int(starts[row]), int(starts[row + 1])
                found.append(bytes(text[start:end]) if 0 <= start <= end <= len(text) else b"")
        if len(found) < 2 or zlib.crc32(found[1], zlib.crc32(found[0])) != int(self.checks[row]):
            raise DataError(f"the cache of texts {self.folder} is damaged: delete the folder and run the command again")
        return found[0], found[1]


def _column(file: Path, n_rows: int, starts: int, text: int, n_bytes: int) -> tuple[I64, U8]:
    """Map a column of strings: where each begins and the last ends, int64 (n_rows + 1,), and all their bytes."""
    nothing: U8 = np.zeros(0, np.uint8)
    return (
        np.memmap(file, "<i8", "r", starts, (n_rows + 1,)),
        np.memmap(file, np.uint8, "r", text, (n_bytes,)) if n_bytes else nothing,
    )


def missing_text(ids: Any, n_wanted: int) -> DataError:
    """Make the error for ids that have no text, a list or an Arrow array, of ``n_wanted`` looked up."""
    return DataError(
        f"id {str(ids[0])!r} has no text ({len(ids)} of the {n_wanted} ids looked up): "
        "is this the collection that the ids come from?"
    )
