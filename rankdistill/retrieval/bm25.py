"""BM25 by bm25s: an index that can be saved, and retrieval of candidates for a collection's queries."""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.arrays import F32
from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection
from rankdistill.data.texts import Texts
from rankdistill.errors import DataError, UsageError
from rankdistill.files.atomic import atomic_path
from rankdistill.progress import progress
from rankdistill.retrieval.found import (
    best,
    check_index,
    check_k,
    chosen_queries,
    found_candidates,
    load_doc_ids,
    save_index_parts,
)
from rankdistill.retrieval.terms import MANY_UNSEGMENTED, TERMS_VERSION, is_unsegmented, query_terms, terms

if TYPE_CHECKING:
    import bm25s

K1, B = 1.2, 0.75
INDEX_FORMAT: dict[str, int | str] = {"bm25": 2, "terms": TERMS_VERSION, "unicode": unicodedata.unidata_version}


@dataclass(frozen=True, eq=False)
class BM25Index:
    """Index of documents: `build` or `load` it, then `search` it any number of times.

    score(q, d) = sum over terms t of q of  ln(1 + (N - n + 0.5) / (n + 0.5)) f / (f + k1 (1 - b + b |d| / mean |d|))
    with f the occurrences of t in d and n the documents with t, of N; documents are split by `terms`, queries by
    `query_terms` of `rankdistill.retrieval.terms`.
    Source: Robertson & Zaragoza 2009, in Lucene's form (docs/papers.md).
    """

    doc_ids: pa.Array
    vocabulary: dict[str, int]
    scorer: bm25s.BM25

    @classmethod
    def build(cls, documents: Texts, k1: float = K1, b: float = B) -> BM25Index:
        """Index documents. k1: saturation of repeats, b: length normalisation; the defaults are common ones.

        Warnings report documents without a word, which are never found, and text that is not segmented into words.
        Raises `DataError` where no document has a word.
        """
        import bm25s

        if not len(documents):
            raise DataError("there are no documents to index")
        if k1 < 0 or not 0 <= b <= 1:
            raise UsageError(f"BM25 needs k1 >= 0 and 0 <= b <= 1, got k1={k1}, b={b}")
        # Documents are sorted by falling id, so that of equal scores the lower position has the larger id.
        order = pc.array_sort_indices(documents.ids, order="descending")
        vocabulary: dict[str, int] = {}
        term_ids: list[list[int]] = []
        n_unsegmented = 0
        with progress("indexing (BM25)", total=len(documents), unit="documents") as advance:
            for start in range(0, len(documents), 4096):
                texts = documents.texts.take(order.slice(start, 4096)).to_pylist()
                term_ids += [[vocabulary.setdefault(term, len(vocabulary)) for term in terms(text)] for text in texts]
                n_unsegmented += sum(map(is_unsegmented, texts))
                advance(len(texts))
        if not vocabulary:
            raise DataError(
                f"none of the {len(documents)} documents has a word to index: they are empty, or hold nothing but "
                "punctuation, symbols, marks and English stop words"
            )
        ids = documents.ids.take(order)
        _report(ids, term_ids, n_unsegmented)
        scorer = bm25s.BM25(k1=k1, b=b, method="lucene")
        scorer.index((term_ids, dict(vocabulary)), create_empty_token=False, show_progress=False)
        return cls(ids, vocabulary, scorer)

    def search(self, queries: Texts, k: int = 100) -> Candidates:
        """Find each query's k best documents, best first (ties: larger document id first), column "bm25".

        Only documents that share a term with the query are found. A query that finds none keeps an empty list; a
        warning reports the number of such queries, and how many of them have no word at all.
        """
        check_k(k)
        lists = []
        without_word = 0
        with progress("searching (BM25)", total=len(queries), unit="queries") as advance:
            for _, text in queries:
                of_query = query_terms(text)
                without_word += not of_query
                lists.append(best(self._scores(of_query), k))
                advance(1)
        hint = f"; {without_word} of them have no word to search for: no letter or digit, or only stop words"
        rows, scores = [rows for rows, _ in lists], [values for _, values in lists]
        return found_candidates(queries.ids, self.doc_ids, rows, scores, "bm25", hint if without_word else "")

    def scores(self, text: str) -> F32:
        """Score every document, in the order of ``doc_ids``: float32 (D,)."""
        return self._scores(query_terms(text))

    def _scores(self, of_query: Sequence[str]) -> F32:
        known = [self.vocabulary[term] for term in of_query if term in self.vocabulary]
        if not known:
            return np.zeros(len(self.doc_ids), np.float32)
        return np.asarray(self.scorer.get_scores_from_ids(known), dtype=np.float32)

    def save(self, folder: str | Path) -> None:
        """Write the index as a folder, which gets its name when it is complete, with checksums."""
        with atomic_path(folder, sealed=True) as temporary:
            self.scorer.save(temporary, show_progress=False)
            save_index_parts(temporary, self.doc_ids, INDEX_FORMAT)

    @classmethod
    def load(cls, folder: str | Path) -> BM25Index:
        """Open a folder that `save` wrote; raise `DataError` for another one, and where a file of it was damaged."""
        import bm25s

        folder = Path(folder)
        check_index(folder, INDEX_FORMAT)
        doc_ids = load_doc_ids(folder)
        scorer = bm25s.BM25.load(folder, mmap=True)
        return cls(doc_ids, scorer.vocab_dict, scorer)


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


def _report(doc_ids: pa.Array, term_ids: list[list[int]], n_unsegmented: int) -> None:
    """Warn of documents without a term, and of text that is not segmented where many documents have some."""
    wordless = [row for row, of_document in enumerate(term_ids) if not of_document]
    if wordless:
        warnings.warn(
            f"{len(wordless)} of {len(term_ids)} documents have no word to index, so that no query finds them; one is "
            f"{doc_ids[wordless[-1]].as_py()!r}",
            stacklevel=3,
        )
    if n_unsegmented > MANY_UNSEGMENTED * len(term_ids):
        warnings.warn(
            f"{n_unsegmented} of {len(term_ids)} documents have text without blanks between words (Chinese, Japanese, "
            "Korean, Thai, Lao, Khmer, Burmese): it is not segmented into words, but indexed by its characters and "
            "pairs of neighbours",
            stacklevel=3,
        )
