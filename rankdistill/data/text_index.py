"""Texts on disk with an index of their ids, so that a hundred texts are looked up without reading a collection whole.

A collection's files are read once, and their texts kept in the cache folder, in ``texts/``, named by the files' paths,
sizes and times: a file that has changed is read anew. `rankdistill.data.mapped_texts` says what the folder holds.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from rankdistill.arrays import I64
from rankdistill.data.candidates import as_ids
from rankdistill.data.kernels.ids import id_bytes
from rankdistill.data.mapped_texts import CHECKS, HASHES, ORDER, PLACES, TEXTS, MappedTexts, kept_folder
from rankdistill.data.texts import IdIndex, Texts
from rankdistill.errors import DataError
from rankdistill.files.atomic import atomic_path
from rankdistill.progress import say

MANY = 20_000
"""Ids from which on they are found by kernels, and the file is checked as a whole."""


def kept_texts(files: Sequence[Path], how: Any, read: Callable[[], Texts]) -> Texts:
    """The texts of files as an earlier command kept them, else as they are read now, which is kept if it is large.

    how: all that decides how the files are read, as JSON can hold it. What cannot be written is said.
    """
    folder = kept_folder(files, how)
    if folder is None:
        return read()
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
        (temporary / PLACES).write_text(json.dumps(_places(temporary / TEXTS)), encoding="utf-8")


def _places(file: Path) -> list[tuple[int, int, int]]:
    """Where the ids and the texts lie in the file: the bytes before their starts and their text, and those of it."""
    with pa.memory_map(str(file)) as opened:
        begin = opened.read_buffer().address
        opened.seek(0)
        places = []
        for column in pa.ipc.open_file(opened).get_batch(0).columns:
            _, starts, text = column.buffers()
            n_bytes = 0 if text is None else text.size
            places.append((starts.address - begin, text.address - begin if n_bytes else 0, n_bytes))
    return places


def _checks(texts: Texts) -> Iterator[int]:
    for ids, contents in texts.batches():
        starts, ends = _bytes_of(ids), _bytes_of(contents)
        yield from (zlib.crc32(text, zlib.crc32(name)) for name, text in zip(starts, ends, strict=True))


def _bytes_of(column: pa.Array) -> Iterator[bytes]:
    starts, text = id_bytes(column)
    data, bounds = text.data, starts.tolist()
    return (bytes(data[start:end]) for start, end in pairwise(bounds))


class IndexedTexts(Texts):
    """Texts that `write_index` wrote, mapped into memory; few that are looked up are read, and checked, alone."""

    def __init__(self, folder: Path) -> None:
        """Open a folder; raise `DataError` for files that do not belong together."""
        self._mapped = MappedTexts(folder)
        opened = Texts.open(folder / TEXTS, check=False)
        super().__init__(opened.ids, opened.texts)
        if len(self._ids) != len(self._mapped):
            raise DataError(f"its files hold {len(self._ids)} texts and {len(self._mapped)} checksums")

    @property
    def texts(self) -> pa.Array:
        self._mapped.whole  # noqa: B018  (what is read as a whole is checked as a whole, once)
        return self._texts

    @property
    def ids(self) -> pa.Array:
        self._mapped.whole  # noqa: B018
        return self._ids

    def batches(self, size: int = 1 << 16) -> Iterator[tuple[pa.Array, pa.Array]]:
        self._mapped.whole  # noqa: B018
        return super().batches(size)

    def take(self, ids: pa.Array | Sequence[str]) -> list[str]:
        asked = as_ids(ids)
        return super().take(asked) if len(asked) > MANY else self._mapped.take(asked.to_pylist())

    def positions(self, ids: pa.Array | Sequence[str]) -> I64:
        asked = as_ids(ids)
        if len(asked) > MANY:
            self._mapped.whole  # noqa: B018
            return super().positions(asked)
        return np.array(self._mapped.positions(asked.to_pylist()), np.int64)

    @cached_property
    def _index(self) -> IdIndex:
        index = IdIndex.__new__(IdIndex)
        index.ids, index.order = self._ids, np.asarray(self._mapped.order)
        index.sorted_hashes = np.asarray(self._mapped.hashes)
        return index
