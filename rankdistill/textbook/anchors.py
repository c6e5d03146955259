"""Anchors: the distinct texts of a task, read some at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.arrays import I64, U64, Bools
from rankdistill.corpus.duplicates import repeated
from rankdistill.data.collection import Collection
from rankdistill.data.examples import ALL, Examples, examples_of
from rankdistill.data.kernels.random import hash_ids
from rankdistill.data.texts import Texts
from rankdistill.errors import DataError
from rankdistill.progress import progress

_TEXTS = 1 << 16


@dataclass(frozen=True, eq=False)
class Anchors:
    """Distinct texts of a task, in order; iterating yields lists of them.

    Texts that are mapped from disk stay there, but for those that are looked at: a few bytes of each are in memory.
    """

    examples: pa.Array
    """Its texts, or its queries: large_string (E,)."""
    documents: Texts
    passages: I64
    """Rows of the documents that are anchors, too: (P,), none but of a ranking."""
    of_ranking: bool

    def __len__(self) -> int:
        return int(self._first.sum())

    def __iter__(self) -> Iterator[list[str]]:
        start = 0
        for texts in self._collapsed():
            yield [text for text, first in zip(texts, self._first[start : start + len(texts)], strict=True) if first]
            start += len(texts)

    @property
    def checksum(self) -> str:
        """A digest of all texts."""
        return hashlib.blake2b(self._hashes[self._first].astype("<u8").tobytes(), digest_size=16).hexdigest()

    @cached_property
    def _hashes(self) -> U64:
        """A hash of each text (T,), repeated ones included."""
        found = [np.zeros(0, np.uint64)]
        with progress("reading the task", len(self.examples) + len(self.passages), unit="texts") as advance:
            for texts in self._collapsed():
                found.append(hash_ids(pa.array(texts, pa.large_string())))
                advance(len(texts))
        return np.concatenate(found)

    @cached_property
    def _first(self) -> Bools:
        """Which texts have no equal one before them (T,)."""
        return ~repeated(self._hashes)

    def _collapsed(self) -> Iterator[list[str]]:
        """Yield all texts with white space collapsed, but for empty ones."""
        for texts in self._batches():
            collapsed = (" ".join(text.split()) for text in texts.to_pylist())
            yield [text for text in collapsed if text]

    def _batches(self) -> Iterator[pa.Array]:
        for start in range(0, len(self.examples), _TEXTS):
            yield self.examples.slice(start, _TEXTS)
        for start in range(0, len(self.passages), _TEXTS):
            yield self.documents.texts.take(pa.array(self.passages[start : start + _TEXTS]))


def anchors_of(collection: Collection, split: str | None = None) -> Anchors:
    """Take the texts of a split, each side of a pair; of a ranking its queries, and their passages.

    split: "all" for everything; None for "train". Pairs that have no splits, and lists without judgments, are taken
    whole. Passages are those that the judgments or the collection's own candidates of these queries name; all documents
    where they name none. Raises `UnknownNameError` for a split that the collection does not have, `DataError` where it
    has no text.
    """
    if split is None and collection.qrels is None and collection.candidates is not None and not collection.splits:
        split = ALL
    examples = examples_of(collection, split)
    passages = _passages(collection, examples) if examples.are_queries else np.zeros(0, np.int64)
    anchors = Anchors(examples.texts, collection.documents, passages, examples.are_queries)
    if not len(anchors):
        raise DataError(f"the texts of {collection.name} are empty: there is nothing to search for")
    return anchors


def _passages(collection: Collection, examples: Examples) -> I64:
    named = [lists.only_queries(examples.ids).doc_ids for lists in (collection.qrels, collection.candidates) if lists]
    ids = pc.unique(pa.concat_arrays(named)) if named else pa.array([], pa.large_string())
    rows = collection.documents.positions(ids)
    rows = rows[rows >= 0]
    return rows if len(rows) else np.arange(len(collection.documents))
