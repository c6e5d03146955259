"""Dense retrieval: encode documents and queries as vectors, and find the nearest by exact inner product with FAISS."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.arrays import F32, I64
from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection
from rankdistill.data.texts import Texts
from rankdistill.errors import DataError, MissingExtraError, UsageError
from rankdistill.files.atomic import atomic_path
from rankdistill.progress import progress
from rankdistill.retrieval.found import (
    check_index,
    check_k,
    chosen_queries,
    found_candidates,
    joined,
    load_doc_ids,
    save_index_parts,
)

Encoder = Callable[[list[str]], F32]
BATCH = 1024
INDEX_FORMAT = {"dense": 2}


@dataclass(frozen=True, eq=False)
class DenseIndex:
    """Index of documents as vectors: `build` or `load` it, then `search` it any number of times.

    doc_ids: string (D,), by falling id. index: a FAISS index of D vectors in that order.
    """

    doc_ids: pa.Array
    index: Any

    @classmethod
    def build(cls, documents: Texts, encode: Encoder) -> DenseIndex:
        """Encode and index documents.

        encode: texts (n,) -> float32 (n, d); scores are cosines where its vectors have length one.
        Raises `MissingExtraError` without FAISS, `DataError` where ``encode`` returns another shape, NaN or infinity.
        """
        faiss = _faiss()
        if not len(documents):
            raise DataError("there are no documents to index")
        order = pc.array_sort_indices(documents.ids, order="descending")
        index = None
        with progress("encoding documents", total=len(documents), unit="documents") as advance:
            for start in range(0, len(documents), BATCH):
                vectors = encoded(documents.texts.take(order.slice(start, BATCH)).to_pylist(), encode)
                if index is None:
                    index = faiss.IndexFlatIP(vectors.shape[1])
                index.add(vectors)
                advance(len(vectors))
        return cls(documents.ids.take(order), index)

    def search(self, queries: Texts, encode: Encoder, k: int = 100) -> Candidates:
        """Find each query's k nearest documents, nearest first (ties: larger document id first), column "dense"."""
        check_k(k)
        rows: list[I64] = []
        scores: list[F32] = []
        with progress("searching (dense)", total=len(queries), unit="queries") as advance:
            for _, texts in queries.batches(BATCH):
                vectors = encoded(texts.to_pylist(), encode)
                if vectors.shape[1] != self.index.d:
                    raise UsageError(
                        f"the encoder gives {vectors.shape[1]} numbers per text, the index holds {self.index.d}: "
                        "search with the encoder that built it"
                    )
                for nearest, values in self._nearest(vectors, k):
                    rows.append(nearest)
                    scores.append(values)
                advance(len(vectors))
        return found_candidates(queries.ids, self.doc_ids, *joined(rows, scores), "dense")

    def _nearest(self, vectors: F32, k: int) -> list[tuple[I64, F32]]:
        """Find positions and inner products of each vector's k nearest, (n, d); of equal ones the lower position."""
        n_documents = len(self.doc_ids)
        fetched = min(n_documents, k + 1)
        scores, rows = self.index.search(vectors, fetched)
        # FAISS does not define an order of ties, so all documents that tie with the k-th are fetched before the choice.
        while fetched < n_documents and (scores[:, k - 1] == scores[:, -1]).any():
            fetched = min(n_documents, 2 * fetched)
            scores, rows = self.index.search(vectors, fetched)
        order = np.lexsort((rows, -scores))[:, :k]
        return list(zip(np.take_along_axis(rows, order, 1), np.take_along_axis(scores, order, 1), strict=True))

    def save(self, folder: str | Path) -> None:
        """Write the index as a folder, which gets its name when it is complete, with checksums."""
        faiss = _faiss()
        with atomic_path(folder, sealed=True) as temporary:
            temporary.mkdir()
            faiss.write_index(self.index, str(temporary / "vectors.faiss"))
            save_index_parts(temporary, self.doc_ids, INDEX_FORMAT)

    @classmethod
    def load(cls, folder: str | Path) -> DenseIndex:
        """Open a folder that `save` wrote; raise `DataError` for another one, and where a file of it was damaged."""
        faiss = _faiss()
        folder = Path(folder)
        check_index(folder, INDEX_FORMAT)
        return cls(load_doc_ids(folder), faiss.read_index(str(folder / "vectors.faiss")))


def dense(
    collection: Collection,
    query_ids: Sequence[str] | None = None,
    k: int = 100,
    *,
    encode: Encoder,
    encode_queries: Encoder | None = None,
    index: DenseIndex | None = None,
) -> Candidates:
    """Retrieve at most k candidates for each of a collection's queries (all, or these) by vectors: column "dense".

    encode: texts (n,) -> float32 (n, d); scores are dot products. encode_queries: of queries, where they are encoded in
    another way than documents, with another prompt for one. index: of the collection's documents; None: they are
    encoded first.
    """
    index = index or DenseIndex.build(collection.documents, encode)
    return index.search(chosen_queries(collection, query_ids), encode_queries or encode, k)


def encoded(texts: list[str], encode: Encoder) -> F32:
    """Encode n texts to float32 (n, d); raise `DataError` where the encoder returns another shape, NaN or infinity."""
    vectors = np.ascontiguousarray(encode(texts), dtype=np.float32)
    if vectors.ndim != 2 or len(vectors) != len(texts):
        raise DataError(f"the encoder gave an array of shape {vectors.shape} for {len(texts)} texts, expected (n, d)")
    if not np.isfinite(vectors).all():
        row = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
        raise DataError(f"the encoder gave a vector with NaN or infinity, the first for the text {texts[row][:80]!r}")
    return vectors


def _faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise MissingExtraError("dense retrieval", "dense") from error
    return faiss
