"""Identify texts by their content, however they are stored."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from rankdistill.data.collection import Collection
from rankdistill.data.texts import Texts

BATCH = 1 << 16


def texts_digest(texts: Texts) -> str:
    """Hash all ids and texts in their order to 32 hexadecimal digits (BLAKE2b); about a second for a gigabyte."""
    hashed = hashlib.blake2b(digest_size=16)
    for columns in texts.batches(BATCH):
        for column in columns:
            for part in _lengths_and_bytes(column):
                hashed.update(part)
    return hashed.hexdigest()


def documents_digest(collection: Collection) -> str:
    """Identify the documents: by the name of an ir_datasets data set, whose documents do not change, or by a hash."""
    return collection.name if collection.name.startswith("irds:") else texts_digest(collection.documents)


def _lengths_and_bytes(column: pa.Array) -> Iterator[memoryview]:
    """The lengths of strings and their bytes one after another; neither depends on where a slice begins."""
    _, offsets, data = column.buffers()
    ends = np.frombuffer(offsets, np.int64)[column.offset : column.offset + len(column) + 1]
    yield np.diff(ends).astype("<i8").data
    if data is not None and len(ends):
        yield memoryview(data)[ends[0] : ends[-1]]
