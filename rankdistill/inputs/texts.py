"""PairTexts: the distinct texts of candidate lists, each looked up once, and the two texts of every row."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rankdistill.data.offsets import offsets_of
from rankdistill.errors import DataError

if TYPE_CHECKING:  # Arrow is imported by what makes candidates of it
    from rankdistill.data.candidates import Candidates
    from rankdistill.data.trec.plain import PlainLists

_SLICE = 16_384


class TextLookup(Protocol):
    """Texts by id."""

    def take(self, ids: Any) -> list[str]:
        """Return the texts of these ids; a `DataError` names an id without a text."""


class TextCollection(Protocol):
    """The part of a collection that scoring its candidates needs."""

    @property
    def queries(self) -> Any:
        """A `TextLookup`."""

    @property
    def documents(self) -> Any:
        """A `TextLookup`."""


class PairTexts:
    """Distinct queries and documents of candidates; row n pairs ``query_rows[n]`` with ``document_rows[n]``.

    query_rows, document_rows: int (N,). Texts are looked up slice by slice when iterated, never held all at once.
    """

    def __init__(self, candidates: Candidates | PlainLists, collection: TextCollection) -> None:
        self.query_ids: Any = candidates.query_ids
        self.document_ids: Any
        self.document_rows: NDArray[Any]
        self.document_ids, self.document_rows = candidates.distinct_documents()
        self.query_rows = candidates.query_of_row
        self._queries: TextLookup = collection.queries
        self._documents: TextLookup = collection.documents
        self.n_empty_documents = 0

    @property
    def n_texts(self) -> int:
        return len(self.query_ids) + len(self.document_ids)

    def queries(self) -> Iterator[Sequence[str]]:
        """Yield slices of the query texts; raise `DataError` for a query without a visible character."""
        for ids, texts in _slices("queries", self.query_ids, self._queries):
            for position, text in enumerate(texts):
                if not text.strip():
                    raise DataError(
                        f"query {str(ids[position])!r} is empty: give it a text or leave its candidates out"
                    )
            yield texts

    def documents(self) -> Iterator[Sequence[str]]:
        """Yield slices of the document texts; empty ones are allowed and counted in ``n_empty_documents``."""
        self.n_empty_documents = 0
        for _, texts in _slices("documents", self.document_ids, self._documents):
            self.n_empty_documents += sum(not text.strip() for text in texts)
            yield texts

    def digest(self) -> str:
        """Hash every pair's two texts in order, once; ids are left out, as they do not change a score."""
        return self._digest

    @cached_property
    def _digest(self) -> str:
        digest = hashlib.blake2b(digest_size=20)
        for slices in (self.queries(), self.documents()):
            for texts in slices:
                encoded = [text.encode() for text in texts]
                digest.update(offsets_of([len(text) for text in encoded]).data)
                digest.update(b"".join(encoded))
        for rows in (self.query_rows, self.document_rows):
            digest.update(np.ascontiguousarray(rows, dtype=np.int64).data)
        return digest.hexdigest()


def _slices(kind: str, ids: Any, texts: TextLookup) -> Iterator[tuple[Any, list[str]]]:
    for start in range(0, len(ids), _SLICE):
        part = ids[start : start + _SLICE]
        try:
            slice_texts = texts.take(part)
        except DataError as error:
            raise DataError(f"{kind} of the candidates: {error}") from error
        yield part, slice_texts
