"""BM25: an index that can be saved, and retrieval of candidates for a collection's queries, many at once."""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.arrays import I32
from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection
from rankdistill.data.texts import Texts
from rankdistill.errors import DataError, UsageError
from rankdistill.files.atomic import atomic_path
from rankdistill.progress import progress
from rankdistill.retrieval.found import (
    check_index,
    check_k,
    chosen_queries,
    found_candidates,
    load_doc_ids,
    save_index_parts,
)
from rankdistill.retrieval.term_index import K1, B, TermIndex
from rankdistill.retrieval.terms import MANY_UNSEGMENTED, TERMS_VERSION, is_unsegmented, query_terms

INDEX_FORMAT: dict[str, int | str] = {"bm25": 3, "terms": TERMS_VERSION, "unicode": unicodedata.unidata_version}


_DOCUMENTS, _QUERIES, _RESULTS = 4096, 1024, 1 << 24
"""Documents that are split into terms at a time; queries that are searched at a time, with at most so many results."""


@dataclass(frozen=True, eq=False)
class BM25Index:
    """Index of documents: `build` or `load` it, then `search` it any number of times.

    score(q, d) = sum over terms t of q of  ln(1 + (N - n + 0.5) / (n + 0.5)) f / (f + k1 (1 - b + b |d| / mean |d|))
    with f the occurrences of t in d and n the documents with t, of N; documents are split by `terms`, queries by
    `query_terms` of `rankdistill.retrieval.terms`. Scores are sums in float64, rounded to float32.
    Source: Robertson & Zaragoza 2009, in Lucene's form (docs/papers.md).
    """

    doc_ids: pa.Array
    index: TermIndex

    @classmethod
    def build(cls, documents: Texts, k1: float = K1, b: float = B) -> BM25Index:
        """Index documents. k1: saturation of repeats, b: length normalisation; the defaults are common ones.

        Warnings report documents without a word, which are never found, and text that is not segmented into words.
        Raises `DataError` where no document has a word.
        """
        if not len(documents):
            raise DataError("there are no documents to index")
        if k1 < 0 or not 0 <= b <= 1:
            raise UsageError(f"BM25 needs k1 >= 0 and 0 <= b <= 1, got k1={k1}, b={b}")
        # Documents are sorted by falling id, so that of equal scores the lower position has the larger id.
        order = pc.array_sort_indices(documents.ids, order="descending")
        n_unsegmented = 0

        def batches() -> Iterator[list[str]]:
            nonlocal n_unsegmented
            with progress("indexing (BM25)", total=len(documents), unit="documents") as advance:
                for start in range(0, len(documents), _DOCUMENTS):
                    texts = documents.texts.take(order.slice(start, _DOCUMENTS)).to_pylist()
                    yield texts
                    n_unsegmented += sum(map(is_unsegmented, texts))
                    advance(len(texts))

        index = TermIndex.build(batches(), k1, b)
        if not index.vocabulary:
            raise DataError(
                f"none of the {len(documents)} documents has a word to index: they are empty, or hold nothing but "
                "punctuation, symbols, marks and English stop words"
            )
        ids = documents.ids.take(order)
        _report(ids, index.postings.lengths, n_unsegmented)
        return cls(ids, index)

    def search(self, queries: Texts, k: int = 100) -> Candidates:
        """Find each query's k best documents, best first (ties: larger document id first), column "bm25".

        Only documents that share a term with the query are found. A query that finds none keeps an empty list; a
        warning reports the number of such queries, and how many of them have no word at all.
        """
        check_k(k)
        found = []
        without_word = 0
        with progress("searching (BM25)", total=len(queries), unit="queries") as advance:
            for _, texts in queries.batches(min(_QUERIES, max(1, _RESULTS // min(k, len(self.doc_ids))))):
                split = [query_terms(text) for text in texts.to_pylist()]
                without_word += sum(not of_query for of_query in split)
                found.append(self.index.best(split, k))
                advance(len(texts))
        hint = f"; {without_word} of them have no word to search for: no letter or digit, or only stop words"
        sizes, rows, scores = map(np.concatenate, zip(*found, strict=True)) if found else _NOTHING
        return found_candidates(queries.ids, self.doc_ids, sizes, rows, scores, "bm25", hint if without_word else "")

    def save(self, folder: str | Path) -> None:
        """Write the index as a folder, which gets its name when it is complete, with checksums."""
        with atomic_path(folder, sealed=True) as temporary:
            temporary.mkdir()
            self.index.save(temporary)
            save_index_parts(temporary, self.doc_ids, INDEX_FORMAT)

    @classmethod
    def load(cls, folder: str | Path) -> BM25Index:
        """Open a folder that `save` wrote; raise `DataError` for another one, and where a file of it was damaged."""
        folder = Path(folder)
        check_index(folder, INDEX_FORMAT)
        return cls(load_doc_ids(folder), TermIndex.load(folder))


_NOTHING = (np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))


def bm25(
    collection: Collection,
    query_ids: Sequence[str] | None = None,
    k: int = 100,
    k1: float = K1,
    b: float = B,
    index: BM25Index | None = None,
) -> Candidates:
    """Retrieve at most k candidates for each of a collection's queries (all, or these) by BM25: column "bm25".

    index: of the collection's documents; None: it is built with k1 and b.
    """
    index = index or BM25Index.build(collection.documents, k1, b)
    return index.search(chosen_queries(collection, query_ids), k)


def _report(doc_ids: pa.Array, lengths: I32, n_unsegmented: int) -> None:
    """Warn of documents without a term, and of text that is not segmented where many documents have some."""
    wordless = np.flatnonzero(lengths == 0)
    if len(wordless):
        warnings.warn(
            f"{len(wordless)} of {len(doc_ids)} documents have no word to index, so that no query finds them; one is "
            f"{doc_ids[int(wordless[-1])].as_py()!r}",
            stacklevel=3,
        )
    if n_unsegmented > MANY_UNSEGMENTED * len(doc_ids):
        warnings.warn(
            f"{n_unsegmented} of {len(doc_ids)} documents have text without blanks between words (Chinese, Japanese, "
            "Korean, Thai, Lao, Khmer, Burmese): it is not segmented into words, but indexed by its characters and "
            "pairs of neighbours",
            stacklevel=3,
        )
