"""Measure BM25 on sentences: indexing and searching beside bm25s as it is called plainly, its batches, and Lucene.

Run in the project's root: python -m benchmarks.bm25_speed
Documents are the sentences of a Wikipedia slice (`../shared/data`), repeated in rounds until there are enough, each
round with another word in every sentence; queries are the keywords of GLUE's sentences. All systems but Lucene are
given the same token numbers, made once and timed apart; Lucene is given the same tokens as text, split at blanks, with
the same k1 and b. Each system is a process of its own. A number of queries is also compared with a sum over all
documents in float64.
"""

from __future__ import annotations

import gzip
import json
import os
import pickle
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

from benchmarks.results import FOLDER, QUICK, Row, peak_memory, run, study

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
TEXT = SHARED / "wikipedia-en-2015-slice"
GLUE = SHARED / "glue"
PACKAGES = ("rankdistill", "bm25s", "pyserini", "numba", "numpy", "scipy")
K1, B = 1.2, 0.75
CHECKED = 20
"""Queries that are compared with the reference."""
Lists = list[list[tuple[int, float]]]


def documents(n: int) -> Iterator[list[str]]:
    """The terms of n sentences: of the slice, then of its repetitions, which have a word of the round's own each."""
    from rankdistill.corpus.sentences import paragraphs
    from rankdistill.retrieval.terms import terms

    number = turn = 0
    while True:
        for part in sorted(TEXT.glob("part-*.jsonl.gz")):
            with gzip.open(part, "rt", encoding="utf-8") as lines:
                for line in lines:
                    for sentences in paragraphs(json.loads(line)["text"], "en"):
                        for sentence in sentences:
                            if not 20 <= len(sentence) <= 500:
                                continue
                            yield [*terms(sentence), *([f"round{turn}"] if turn else [])]
                            number += 1
                            if number == n:
                                return
        turn += 1


def queries(n: int) -> list[list[str]]:
    """The terms of the keywords of n sentences of GLUE."""
    from rankdistill.data.sources import load_collection
    from rankdistill.retrieval.terms import query_terms
    from rankdistill.textbook.anchors import anchors_of
    from rankdistill.textbook.rake import keywords

    found: list[list[str]] = []
    for task in ("rte", "mrpc", "stsb", "cola", "sst2"):
        for text in chain.from_iterable(anchors_of(load_collection(f"glue:{task}@{GLUE}"))):
            if split := query_terms(" ".join(phrase for phrase, _ in keywords(text))):
                found.append(split)
            if len(found) == n:
                return found
    return found


def prepare(folder: Path, n_documents: int, n_queries: int) -> float:
    """Write the tokens of documents and queries, as numbers and as text; return the seconds that splitting took."""
    started = time.perf_counter()
    vocabulary: dict[str, int] = {}
    flat, sizes = [], []
    with (folder / "documents.txt").open("w", encoding="utf-8") as file:
        for split in documents(n_documents):
            flat.append(np.array([vocabulary.setdefault(term, len(vocabulary)) for term in split], np.int32))
            sizes.append(len(split))
            file.write(" ".join(split) + "\n")
    seconds = time.perf_counter() - started
    np.save(folder / "tokens.npy", np.concatenate(flat))
    np.save(folder / "sizes.npy", np.array(sizes))
    asked = queries(n_queries)
    (folder / "queries.json").write_text(json.dumps(asked))
    (folder / "vocabulary.json").write_text(json.dumps(vocabulary))
    return seconds


def read(folder: Path, limit: int) -> tuple[np.ndarray, np.ndarray, dict[str, int], list[list[int]]]:
    """Flat token numbers, offsets of documents, the vocabulary, and the queries as known numbers."""
    tokens, sizes = np.load(folder / "tokens.npy"), np.load(folder / "sizes.npy")
    vocabulary = json.loads((folder / "vocabulary.json").read_text())
    asked = json.loads((folder / "queries.json").read_text())[:limit]
    known = [[vocabulary[term] for term in query if term in vocabulary] for query in asked]
    return tokens, np.concatenate([[0], np.cumsum(sizes)]), vocabulary, known


def timed(index: Callable[[], Any], search: Callable[[Any, Sequence[Any]], Lists], asked: Sequence[Any]) -> Row:
    """Index, search a few queries so that all is compiled and loaded, and search them all."""
    started = time.perf_counter()
    built = index()
    indexing = time.perf_counter() - started
    search(built, asked[:4])
    started = time.perf_counter()
    found = search(built, asked)
    seconds = time.perf_counter() - started
    return {"index, s": indexing, "queries": len(asked), "search, s": seconds, "found": found[:CHECKED]}


def ours(folder: Path, k: int, limit: int) -> Row:
    """By rankdistill."""
    from rankdistill.retrieval.postings import Postings

    tokens, offsets, vocabulary, asked = read(folder, limit)
    Postings.build(tokens[: offsets[9]].copy(), offsets[:10], len(vocabulary), K1, B)  # compiled

    def search(postings: Postings, some: Sequence[Any]) -> Lists:
        found: Lists = []
        for start in range(0, len(some), 1024):
            sizes, rows, scores = postings.search(some[start : start + 1024], k)
            ends = np.cumsum(sizes)
            lists = zip(np.split(rows, ends[:-1]), np.split(scores, ends[:-1]), strict=True)
            found += [list(zip(*each, strict=True)) for each in lists] if start == 0 else []
        return found

    return timed(lambda: Postings.build(tokens, offsets, len(vocabulary), K1, B), search, asked)


def bm25s_index(folder: Path, limit: int) -> tuple[Callable[[], Any], list[list[int]]]:
    """How bm25s indexes the same tokens, lists of numbers that are made before."""
    import bm25s

    tokens, offsets, vocabulary, asked = read(folder, limit)
    lists = [each.tolist() for each in np.split(tokens, offsets[1:-1])]

    def index() -> Any:
        scorer = bm25s.BM25(k1=K1, b=B, method="lucene")
        scorer.index((lists, dict(vocabulary)), create_empty_token=False, show_progress=False)
        return scorer

    return index, asked


def bm25s_plain(folder: Path, k: int, limit: int) -> Row:
    """By bm25s, a query at a time: scores of all documents, of which the best above 0 are taken."""
    index, asked = bm25s_index(folder, limit)

    def search(scorer: Any, some: Sequence[Any]) -> Lists:
        found = []
        for query in some:
            scores = np.asarray(scorer.get_scores_from_ids(query), np.float32)
            rows = np.flatnonzero(scores > 0)
            if len(rows) > k:
                values = scores[rows]
                rows = rows[values >= np.partition(values, len(values) - k)[len(values) - k]]
            rows = rows[np.argsort(-scores[rows], kind="stable")[:k]]
            found.append(list(zip(rows.tolist(), scores[rows].tolist(), strict=True)))
        return found

    return timed(index, search, asked)


def bm25s_batch(folder: Path, k: int, limit: int) -> Row:
    """By bm25s's own `retrieve` with its backend of Numba, on all threads."""
    index, asked = bm25s_index(folder, limit)

    def search(scorer: Any, some: Sequence[Any]) -> Lists:
        scorer.activate_numba_scorer()
        scorer.backend = "numba"
        rows, scores = scorer.retrieve(
            list(some), k=k, backend_selection="numba", n_threads=os.cpu_count() or 1, show_progress=False
        )
        return [list(zip(*each, strict=True)) for each in zip(rows[:CHECKED], scores[:CHECKED], strict=True)]

    return timed(index, search, asked)


def lucene(folder: Path, k: int, limit: int) -> Row:
    """By Lucene on all threads, which is given the tokens as words between blanks."""
    from rankdistill.retrieval.lucene import _java, _list, _name

    java = _java()
    asked = [" ".join(query) for query in json.loads((folder / "queries.json").read_text())[:limit]]
    threads = str(os.cpu_count() or 1)

    def index() -> Any:
        arguments = ["-input", "", "-index", str(folder / "lucene"), "-collection", "JsonCollection"]
        indexer = java("io.anserini.index.SimpleIndexer")([*arguments, "-threads", threads, "-pretokenized"])
        with (folder / "documents.txt").open(encoding="utf-8") as lines:
            raw = []
            for row, line in enumerate(lines):
                raw.append(json.dumps({"id": _name(row), "contents": line.strip()}))
                if len(raw) == 4096:
                    indexer.addRawDocuments(raw)
                    raw = []
            if raw:
                indexer.addRawDocuments(raw)
        indexer.close()
        searcher = java("io.anserini.search.SimpleSearcher")(str(folder / "lucene"))
        searcher.set_analyzer(java("org.apache.lucene.analysis.core.WhitespaceAnalyzer")())
        searcher.set_bm25(K1, B)
        return searcher

    def search(searcher: Any, some: Sequence[Any]) -> Lists:
        found: Lists = []
        for start in range(0, len(some), 256):
            part = some[start : start + 256]
            names = [_name(i) for i in range(len(part))]
            lists = searcher.batch_search(_list(list(part)), _list(names), k, int(threads))
            if start == 0:
                found = [[(int(hit.docid), hit.score) for hit in lists.get(name) or []] for name in names[:CHECKED]]
        return found

    return timed(index, search, asked)


SYSTEMS: dict[str, Callable[[Path, int, int], Row]] = {
    "bm25s, a query at a time": bm25s_plain,
    "bm25s, retrieve by Numba": bm25s_batch,
    "Lucene": lucene,
    "rankdistill": ours,
}


def reference(folder: Path, k: int) -> Lists:
    """The best documents of the first queries, from sums over all documents in float64."""
    from scipy.sparse import csc_array

    tokens, offsets, vocabulary, asked = read(folder, CHECKED)
    n, lengths = len(offsets) - 1, np.diff(offsets)
    document = np.repeat(np.arange(n), lengths)
    counted = csc_array((np.ones(len(tokens)), (document, tokens)), shape=(n, len(vocabulary)))
    counted.sum_duplicates()
    norm = K1 * (1 - B + B * lengths / lengths.mean())
    lists: Lists = []
    for query in asked:
        scores = np.zeros(n)
        for term in query:
            rows = counted.indices[counted.indptr[term] : counted.indptr[term + 1]]
            f = counted.data[counted.indptr[term] : counted.indptr[term + 1]]
            scores[rows] += np.log(1 + (n - len(rows) + 0.5) / (len(rows) + 0.5)) * f / (f + norm[rows])
        rounded = scores.astype(np.float32)
        rows = np.flatnonzero(rounded > 0)
        rows = rows[np.lexsort((rows, -rounded[rows]))][:k]
        lists.append(list(zip(rows.tolist(), rounded[rows].tolist(), strict=True)))
    return lists


def measured(system: str, folder: Path, k: int, limit: int) -> Row | None:
    """What a process of its own measures; None where the system is not installed."""
    command = [sys.executable, "-m", "benchmarks.bm25_speed", "--measure", system, str(folder), str(k), str(limit)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{system} is left out:\n{done.stderr[-1500:]}", file=sys.stderr)
        return None
    with (folder / "measured.pickle").open("rb") as file:
        row: Row = pickle.load(file)
    return row


def rows(n_documents: int, n_queries: int, n_slow: int, k: int) -> Iterator[Row]:
    """Measure all systems, with ratios to the first; the slow first one on fewer of the queries."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        print(f"splitting took {prepare(folder, n_documents, n_queries):,.1f} s", file=sys.stderr)
        expected, first = reference(folder, k), None
        for system in SYSTEMS:
            row = measured(system, folder, k, n_slow if system.startswith("bm25s") else n_queries)
            if row is None:
                continue
            speed = row["queries"] / row["search, s"]
            first = first or (row["index, s"], speed)
            same = sum(
                [int(document) for document, _ in one] == [document for document, _ in other]
                for one, other in zip(row["found"], expected, strict=True)
            )
            yield {
                "system": system,
                "sentences": n_documents,
                "k": k,
                "index, s": round(row["index, s"], 2),
                "index, ratio": round(row["index, s"] / first[0], 3),
                "queries": row["queries"],
                "queries/s": round(speed, 1),
                "ratio": round(speed / first[1], 2),
                "same lists as the reference": f"{same} of {len(expected)}",
                "peak memory, MB": round(row["peak memory"] / 1e6),
            }


def main(
    *,
    sentences: Annotated[int, Parameter(help="Documents.")] = 5_000_000,
    queries: Annotated[int, Parameter(help="Queries, of which bm25s gets 500.")] = 100_000,
    k: Annotated[int, Parameter(help="Best documents of each.")] = 100,
    quick: Annotated[bool, Parameter(help="20,000 sentences, 500 queries.")] = False,
) -> None:
    """Measure all systems, print the table and write the result."""
    if quick:
        sentences, queries = 20_000, 500
    folder = QUICK if quick else FOLDER
    study("bm25_speed", rows(sentences, queries, min(queries, 500), k), packages=PACKAGES, folder=folder)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        system, place, k_, limit_ = sys.argv[2:]
        result = SYSTEMS[system](Path(place), int(k_), int(limit_))
        result["peak memory"] = peak_memory()
        (Path(place) / "measured.pickle").write_bytes(pickle.dumps(result))
    else:
        run(main)
