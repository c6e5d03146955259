"""Texts: documents or queries by id, in Arrow columns that can be memory-mapped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.arrays import I64
from rankdistill.data.candidates import as_ids
from rankdistill.data.kernels.random import hash_ids
from rankdistill.data.mapped_texts import missing_text
from rankdistill.errors import DataError
from rankdistill.files.atomic import atomic_path
from rankdistill.files.checksums import check_undamaged, is_sealed

SCHEMA = pa.schema([("id", pa.large_string()), ("text", pa.large_string())])
BATCH = 1 << 16


class Texts:
    """Hold texts in a fixed order, each under a unique id.

    `from_pairs` builds them; `save` writes a file that `open` maps into memory, so that of millions of passages only
    those that are looked up take memory. Iterating yields (id, text) in order.

    >>> Texts.from_pairs(["d1", "d2"], ["first text", "second text"])["d2"]
    'second text'
    """

    def __init__(self, ids: pa.Array, texts: pa.Array) -> None:
        self._ids, self._texts = as_ids(ids), as_ids(texts)
        if len(self._ids) != len(self._texts):
            raise DataError(f"{len(self._ids)} ids but {len(self._texts)} texts: give one text per id")

    @classmethod
    def from_pairs(cls, ids: Any, texts: Any) -> Texts:
        """Build from ids and texts of equal length (sequences of str or Arrow arrays).

        Raises `DataError` naming the first id that is duplicate or null, or has a null text.
        """
        built = cls(ids, texts)
        for what, values in (("id", built._ids), ("text", built._texts)):
            if values.null_count:
                row = int(np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False))[0])
                raise DataError(f"the {what} of row {row} is null (id {built._ids[row].as_py()!r})")
        built._index.check_unique()
        return built

    def save(self, path: str | Path) -> None:
        """Write an Arrow IPC file, which gets its name when it is complete, and its checksums beside it."""
        with atomic_path(path, sealed=True) as temporary, pa.ipc.new_file(str(temporary), SCHEMA) as file:
            # One batch, so that `open` maps each column without a copy.
            file.write_batch(pa.record_batch([self.ids, self.texts], schema=SCHEMA))

    @classmethod
    def open(cls, path: str | Path, check: bool = True) -> Texts:
        """Open a file that `save` wrote, memory-mapped; raise `DataError` for another file, or a damaged one.

        check: read the whole file once, to compare it with its checksums, or where it has none (it was copied without
        them) to see that it is text throughout. Without it, a damaged file can give other texts or end the process.
        """
        path = Path(path)
        if check and is_sealed(path):
            check_undamaged(path, "the file of texts", "make it again")
        try:
            table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
            if check:
                table.validate(full=True)
        except FileNotFoundError as error:
            raise DataError(f"there is no file {path}") from error
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DataError(f"{path} is not a file of texts written by Texts.save, or is damaged: {error}") from error
        if not table.schema.equals(SCHEMA):
            raise DataError(f"{path} has the columns {table.schema.names}, expected {SCHEMA.names} of large strings")
        if table["id"].null_count or table["text"].null_count:
            raise DataError(f"{path} has rows without id or text: make it again")
        return cls(table["id"], table["text"])

    @property
    def ids(self) -> pa.Array:
        """The ids in order, large_string (D,)."""
        return self._ids

    @property
    def texts(self) -> pa.Array:
        """The texts in order, large_string (D,)."""
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
        """Look up the texts of these ids, in this order; raise `DataError` naming the first id that has none."""
        found: list[str] = self.column(ids).to_pylist()
        return found

    def column(self, ids: pa.Array | Sequence[str]) -> pa.Array:
        """Look up the texts of these ids as `take` does: large_string (n,)."""
        asked = as_ids(ids)
        rows = self.positions(asked)
        if (rows < 0).any():
            raise missing_text(asked.filter(pa.array(rows < 0)), len(asked))
        return self._texts.take(pa.array(rows))

    def positions(self, ids: pa.Array | Sequence[str]) -> I64:
        """Find each id in `ids`: positions int64 (n,), -1 where it has no text."""
        return self._index.find(as_ids(ids))

    @cached_property
    def _index(self) -> IdIndex:
        return IdIndex(self.ids)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} texts)"


def concatenate_texts(parts: Sequence[Texts]) -> Texts:
    """Concatenate texts in the order given; raise `DataError` naming the first id that is in two of them."""
    if not parts:
        raise DataError("no texts to concatenate, expected at least one part")
    ids, texts = (pa.concat_arrays([getattr(part, name) for part in parts]) for name in ("ids", "texts"))
    return Texts.from_pairs(ids, texts)


class IdIndex:
    """Index the positions of ids by sorted 64-bit hashes, which are bisected and confirmed by comparing the ids.

    It takes 16 bytes per id and no Python objects. Hash: FNV-1a over the UTF-8 bytes, see `hash_ids`.
    """

    def __init__(self, ids: pa.Array) -> None:
        self.ids = ids
        hashes = hash_ids(ids)
        self.order = np.argsort(hashes, kind="stable")
        self.sorted_hashes = hashes[self.order]

    def find(self, ids: pa.Array) -> I64:
        """Find ids: positions int64 (n,), -1 where absent."""
        hashes = hash_ids(ids)
        positions = np.full(len(ids), -1, np.int64)
        at = np.searchsorted(self.sorted_hashes, hashes)
        left = np.arange(len(ids))
        while left.size:  # more than once only where ids share a hash
            left = left[at[left] < len(self.order)]
            left = left[self.sorted_hashes[at[left]] == hashes[left]]
            rows = self.order[at[left]]
            same = pc.equal(self.ids.take(pa.array(rows)), ids.take(pa.array(left))).to_numpy(zero_copy_only=False)
            positions[left[same]] = rows[same]
            left = left[~same]
            at[left] += 1
        return positions

    def check_unique(self) -> None:
        """Raise `DataError` naming the first duplicate id."""
        if found := self.repeated():
            row, first = found
            raise DataError(
                f"duplicate id {self.ids[row].as_py()!r}, in rows {first} and {row} (from 0): keep one text per id"
            )

    def repeated(self) -> tuple[int, int] | None:
        """Find the first row whose id an earlier row has: both rows; None where ids are unique."""
        first = self.find(self.ids)
        rows = np.flatnonzero(first != np.arange(len(self.ids)))
        return (int(rows[0]), int(first[rows[0]])) if rows.size else None


def repeated_id(ids: pa.Array) -> tuple[int, int] | None:
    """Find the first row whose id an earlier row has: both rows; None where ids are unique."""
    return IdIndex(ids).repeated()
