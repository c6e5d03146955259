"""Dense retrieval: documents and queries encoded as vectors, the nearest found by FAISS, exactly, by inner product."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection
from rankdistill.data.texts import Texts
from rankdistill.errors import DataError, MissingExtraError, UsageError
from rankdistill.files.atomic import atomic_path
from rankdistill.progress import progress
from rankdistill.retrieval.found import (
    Rows,
    Scores,
    check_k,
    found_candidates,
    load_doc_ids,
    save_index_parts,
    wanted_queries,
)

Encoder = Callable[[list[str]], NDArray[np.float32]]
BATCH = 1024
FORM = {"dense": 1}


@dataclass(frozen=True, eq=False)
class DenseIndex:
    """Vectors of documents; `build` or `load` one, then `search` it as often as needed.

    doc_ids: string (D,), by falling id. index: a FAISS index of D vectors in that order.
    """

    doc_ids: pa.Array
    index: Any

    @classmethod
    def build(cls, documents: Texts, encode: Encoder) -> DenseIndex:
        """Encode and index documents. encode: texts (n,) -> float32 (n, d); cosine where its vectors have length one.

        Raises `MissingExtraError` without FAISS, `DataError` where ``encode`` gives something else, NaN or infinity.
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
        rows: list[Rows] = []
        scores: list[Scores] = []
        with progress("searching (dense)", total=len(queries), unit="queries") as advance:
            for _, texts in queries.batches(BATCH):
                vectors = encoded(texts.to_pylist(), encode)
                if vectors.shape[1] != self.index.d:
                    raise UsageError(
                        f"the encoder gives {vectors.shape[1]} numbers a text, the index holds {self.index.d}: "
                        "search with the encoder that built it"
                    )
                for found, values in self._nearest(vectors, k):
                    rows.append(found)
                    scores.append(values)
                advance(len(vectors))
        return found_candidates(queries.ids, self.doc_ids, rows, scores, "dense")

    def _nearest(self, vectors: Scores, k: int) -> list[tuple[Rows, Scores]]:
        """For each vector (n, d) positions and inner products of the k nearest; of equal ones the lower position."""
        n_documents = len(self.doc_ids)
        fetched = min(n_documents, k + 1)
        scores, rows = self.index.search(vectors, fetched)
        # FAISS breaks ties in no stated order, so all documents that tie with the k-th are fetched before it is chosen.
        while fetched < n_documents and (scores[:, k - 1] == scores[:, -1]).any():
            fetched = min(n_documents, 2 * fetched)
            scores, rows = self.index.search(vectors, fetched)
        order = np.lexsort((rows, -scores))[:, :k]
        return list(zip(np.take_along_axis(rows, order, 1), np.take_along_axis(scores, order, 1), strict=True))

    def save(self, folder: str | Path) -> None:
        """Write the index as a folder, under its name only when it is whole."""
        faiss = _faiss()
        with atomic_path(folder) as temporary:
            temporary.mkdir()
            faiss.write_index(self.index, str(temporary / "vectors.faiss"))
            save_index_parts(temporary, self.doc_ids, FORM)

    @classmethod
    def load(cls, folder: str | Path) -> DenseIndex:
        """Open what `save` wrote. Raises `DataError` for anything else."""
        faiss = _faiss()
        folder = Path(folder)
        return cls(load_doc_ids(folder, FORM), faiss.read_index(str(folder / "vectors.faiss")))


def dense(
    collection: Collection,
    query_ids: Sequence[str] | None = None,
    k: int = 100,
    *,
    encode: Encoder,
    index: DenseIndex | None = None,
) -> Candidates:
    """Find candidates for a collection's queries (all, or these) by their vectors: column "dense", k a query at most.

    encode: texts (n,) -> float32 (n, d). index: one at hand already; otherwise the collection's documents are encoded.
    """
    index = index or DenseIndex.build(collection.documents, encode)
    return index.search(wanted_queries(collection, query_ids), encode, k)


def encoded(texts: list[str], encode: Encoder) -> Scores:
    """float32 (n, d) of n texts; raises `DataError` where the encoder gives another shape, or NaN or infinity."""
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
