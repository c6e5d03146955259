"""Texts: documents or queries looked up by id, in Arrow columns that can be mapped from disk instead of read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from rankdistill.data.candidates import as_ids
from rankdistill.errors import DataError
from rankdistill.files.atomic import atomic_path

SCHEMA = pa.schema([("id", pa.large_string()), ("text", pa.large_string())])
BATCH = 1 << 16
HASH_START, HASH_FACTOR = np.uint64(0xCBF29CE484222325), np.uint64(0x100000001B3)


class Texts:
    """Texts in a fixed order, each under a unique id.

    `from_pairs` makes them, `save` and `open` keep them on disk; `open` maps the file into memory, so that a collection
    of millions of passages costs the pages that are looked at. Iterating yields (id, text) in order.
    """

    def __init__(self, ids: pa.Array, texts: pa.Array) -> None:
        self._ids, self._texts = as_ids(ids), as_ids(texts)
        if len(self._ids) != len(self._texts):
            raise DataError(f"{len(self._ids)} ids but {len(self._texts)} texts: give one text an id")

    @classmethod
    def from_pairs(cls, ids: Any, texts: Any) -> Texts:
        """Build from ids and texts of equal length (sequences of str or Arrow arrays).

        Raises `DataError` naming the first id that stands twice, or that is null or has a null text.
        """
        made = cls(ids, texts)
        for what, values in (("id", made._ids), ("text", made._texts)):
            if values.null_count:
                row = int(np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False))[0])
                raise DataError(f"the {what} of row {row} is null (id {made._ids[row].as_py()!r})")
        made._index.check_unique()
        return made

    def save(self, path: str | Path) -> None:
        """Write as an Arrow IPC file, under its final name only when it is whole."""
        with atomic_path(path) as temporary, pa.ipc.new_file(str(temporary), SCHEMA) as file:
            # One batch, so that `open` finds each column in one piece and need not copy it.
            file.write_batch(pa.record_batch([self.ids, self.texts], schema=SCHEMA))

    @classmethod
    def open(cls, path: str | Path) -> Texts:
        """Open what `save` wrote; the file is mapped, and read where texts are looked up."""
        try:
            table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        except FileNotFoundError as error:
            raise DataError(f"there is no file {path}") from error
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError(f"{path} is not a file of texts written by Texts.save: {error}") from error
        if table.schema.names != SCHEMA.names:
            raise DataError(f"{path} has the columns {table.schema.names}, expected {SCHEMA.names}")
        return cls(table["id"], table["text"])

    @property
    def ids(self) -> pa.Array:
        """large_string (D,): the ids in order."""
        return self._ids

    @property
    def texts(self) -> pa.Array:
        """large_string (D,): the texts in order."""
        return self._texts

    def __len__(self) -> int:
        return len(self._ids)

    def __contains__(self, text_id: object) -> bool:
        return isinstance(text_id, str) and bool(self.positions([text_id])[0] >= 0)

    def __getitem__(self, text_id: str) -> str:
        return self.take([text_id])[0]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        for ids, texts in self.batches():
            yield from zip(ids.to_pylist(), texts.to_pylist(), strict=True)

    def batches(self, size: int = BATCH) -> Iterator[tuple[pa.Array, pa.Array]]:
        """Yield (ids, texts) in order, at most ``size`` at a time, as Arrow arrays."""
        for start in range(0, len(self._ids), size):
            yield self._ids.slice(start, size), self._texts.slice(start, size)

    def take(self, ids: pa.Array | Sequence[str]) -> list[str]:
        """Texts of these ids, in this order; raises `DataError` naming the first id that has none."""
        wanted = as_ids(ids)
        rows = self.positions(wanted)
        if (rows < 0).any():
            raise missing_text(wanted.filter(pa.array(rows < 0)), len(wanted))
        return self._texts.take(pa.array(rows)).to_pylist()

    def positions(self, ids: pa.Array | Sequence[str]) -> NDArray[np.int64]:
        """int64: position of each id in `ids`, -1 where it has no text."""
        return self._index.find(as_ids(ids))

    @cached_property
    def _index(self) -> IdIndex:
        return IdIndex(self.ids)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} texts)"


class IdIndex:
    """Where each id stands: 64-bit hashes of the ids, sorted, searched by bisection, and each hit compared in full.

    Costs 16 bytes an id and no Python object. Hash: FNV-1a over the UTF-8 bytes.
    """

    def __init__(self, ids: pa.Array) -> None:
        self.ids = ids
        hashes = _hashes(ids)
        self.order = np.argsort(hashes, kind="stable")
        self.sorted_hashes = hashes[self.order]

    def find(self, wanted: pa.Array) -> NDArray[np.int64]:
        """int64: position of each wanted id, -1 where absent."""
        hashes = _hashes(wanted)
        found = np.full(len(wanted), -1, np.int64)
        at = np.searchsorted(self.sorted_hashes, hashes)
        left = np.arange(len(wanted))
        while left.size:  # twice only where two ids share a hash
            left = left[at[left] < len(self.order)]
            left = left[self.sorted_hashes[at[left]] == hashes[left]]
            rows = self.order[at[left]]
            same = pc.equal(self.ids.take(pa.array(rows)), wanted.take(pa.array(left))).to_numpy(zero_copy_only=False)
            found[left[same]] = rows[same]
            left = left[~same]
            at[left] += 1
        return found

    def check_unique(self) -> None:
        """Raise `DataError` naming an id that stands twice."""
        first = self.find(self.ids)
        repeated = np.flatnonzero(first != np.arange(len(self.ids)))
        if repeated.size:
            row = int(repeated[0])
            raise DataError(
                f"id {self.ids[row].as_py()!r} stands twice, in rows {int(first[row])} and {row} "
                f"({repeated.size} repeated in all): keep one text an id"
            )


def missing_text(ids: pa.Array, n_wanted: int) -> DataError:
    """The error for ids that have no text."""
    return DataError(
        f"id {ids[0].as_py()!r} has no text ({len(ids)} of the {n_wanted} ids looked up): "
        "is this the collection that the ids come from?"
    )


def _hashes(ids: pa.Array) -> NDArray[np.uint64]:
    """uint64: FNV-1a of each string, one byte position of all strings at a time."""
    _, ends, data = ids.buffers()
    if not len(ids) or data is None:
        return np.full(len(ids), HASH_START)
    bounds = np.frombuffer(ends, np.int64)[ids.offset : ids.offset + len(ids) + 1]
    characters = np.frombuffer(data, np.uint8)
    starts, lengths = bounds[:-1], np.diff(bounds)
    hashes = np.full(len(ids), HASH_START)
    for position in range(int(lengths.max())):
        rows = np.flatnonzero(lengths > position)
        hashes[rows] = (hashes[rows] ^ characters[starts[rows] + position]) * HASH_FACTOR
    return hashes
