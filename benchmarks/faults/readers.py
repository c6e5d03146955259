"""The readers that get mutated files: each with a sound file, its front in the package and its plain reference."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.faults import references, score_references
from benchmarks.faults.mutations import damaged, mutated, mutated_gzip
from benchmarks.faults.references import Rows
from rankdistill.cli.options_file import read_options
from rankdistill.data.candidates import Candidates
from rankdistill.data.parquet import read_candidates, write_candidates
from rankdistill.data.parts import write_parts
from rankdistill.data.sources import load_collection
from rankdistill.data.sources.judgments import DOCUMENTS, GRADES, QUERIES
from rankdistill.data.sources.rows import DOCUMENT_NAMES, QUERY_NAMES
from rankdistill.data.texts import Texts
from rankdistill.data.trec.read import read_qrels, read_ranking, read_run
from rankdistill.evaluation.online.clicks import read_click_log
from rankdistill.evaluation.online.gsb import read_preferences
from rankdistill.evaluation.report.check import check

QUERY_IDS = ("q1", "2", "q-3", "ünï")
DOC_IDS = ("d1", "D2", "44", "d-5", "doc_6", "d7#", "日本")
CORPUS, QUERY_TEXTS, RUN = "corpus.jsonl", "queries.tsv", "a.trec"


@dataclass(frozen=True)
class Reader:
    """A reader of the package and what it is compared with.

    Where ``must_read`` gives rows, the reader must not refuse the file. Where the reader gives rows, they must be one
    of those that ``may_read`` gives.
    """

    name: str
    file: str
    """Name of the mutated file, in a folder of its own."""
    sound: bytes
    read: Callable[[Path], Rows]
    must_read: Callable[[bytes], Rows]
    may_read: Callable[[bytes], Sequence[Rows]]
    mutate: Callable[[bytes, random.Random], bytes] = mutated
    prepare: Callable[[Path], None] | None = None
    """Writes other files that the reader needs into the folder."""


def nothing(data: bytes) -> None:
    """Demand nothing: the reader may refuse what the reference reads."""


# -- what is read ------------------------------------------------------------------------------------------------------


def as_lists(candidates: Candidates, column: str) -> dict[str, dict[str, float]]:
    """Turn candidates into query -> document -> value."""
    return {
        query.query_id: dict(zip(query.doc_ids, query.columns[column].tolist(), strict=True))
        for query in candidates.queries()
    }


def run_rows(path: Path) -> Rows:
    return as_lists(read_run(path), "score")


def qrels_rows(path: Path) -> Rows:
    return as_lists(read_qrels(path), "label")


def document_rows(path: Path) -> Rows:
    return list(load_collection(path.parent).documents)


def query_rows(path: Path) -> Rows:
    return list(load_collection(path.parent).queries)


def judgment_rows(path: Path) -> Rows:
    qrels = load_collection(path.parent.parent).qrels
    return None if qrels is None else as_lists(qrels, "label")


def candidate_rows(path: Path) -> Rows:
    read = read_candidates(path)
    return {column: as_lists(read, column) for column in read.columns}


def parts_rows(path: Path) -> Rows:
    return as_lists(read_run(path.parent), "score")


def texts_rows(path: Path) -> Rows:
    return list(Texts.open(path))


def click_rows(path: Path) -> Rows:
    return [(seen.query_id, seen.teams, list(seen.clicks)) for seen in read_click_log(path)]


def option_rows(path: Path) -> Rows:
    read = read_options(path)
    return {key: [references.NULL if value is None else value for value in read[key].values] for key in read}


def no_rows(work: Callable[[Path], object]) -> Callable[[Path], Rows]:
    """Make a reader of work whose result is not compared; it must not fail with a traceback."""

    def read(path: Path) -> Rows:
        work(path)

    return read


# -- sound files -------------------------------------------------------------------------------------------------------


def run_text(line: str) -> bytes:
    """Write a run of all queries and documents, each line in this form."""
    lines = []
    for nth, query in enumerate(QUERY_IDS):
        for rank, document in enumerate(DOC_IDS, start=1):
            score = 20.5 - rank - nth / 7
            lines.append(line.format(query=query, document=document, rank=rank, score=score))
    return "".join(f"{text}\n" for text in lines).encode()


def objects(rows: Sequence[dict[str, Any]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=nth % 2 == 0) + "\n" for nth, row in enumerate(rows)).encode()


TREC = run_text("{query} Q0 {document} {rank} {score:.4f} tag")
GRADED = [(query, document, (len(document) + n) % 4) for n, query in enumerate(QUERY_IDS) for document in DOC_IDS]
TREC_QRELS = "".join(f"{query} 0 {document} {grade}\n" for query, document, grade in GRADED).encode()
BEIR_QRELS = b"query-id\tcorpus-id\tscore\n" + "".join(f"{q}\t{d}\t{g}\n" for q, d, g in GRADED).encode()
JSON_QRELS = objects([{"query-id": q, "corpus-id": d, "score": float(g)} for q, d, g in GRADED])
DOCUMENTS_JSON = objects([{"_id": id_, "title": "T" * (n % 2), "text": f"wörds {n}"} for n, id_ in enumerate(DOC_IDS)])
QUERIES_JSON = objects([{"_id": id_, "text": f"what is {n}?", "n": n} for n, id_ in enumerate(QUERY_IDS)])
DOCUMENTS_TSV = "".join(f'{id_}\tsome "text" {n}\n' for n, id_ in enumerate(DOC_IDS)).encode()
HEADED_TSV = b"id\ttext\ttitle\n" + "".join(f"{id_}\ttext {n}\ttitle\n" for n, id_ in enumerate(DOC_IDS)).encode()
QUERIES_TSV = "".join(f"{id_}\twhat is {n}?\n" for n, id_ in enumerate(QUERY_IDS)).encode()
CLICKS = objects([{"query": id_, "teams": "ABBA", "clicks": [1, n % 4 + 1]} for n, id_ in enumerate(QUERY_IDS)])
GSB = "".join(f"{id_} {word}\n" for id_, word in zip(QUERY_IDS, ("good", "s", "bad", "same"), strict=True)).encode()
OPTIONS = (
    b"qrels: qrels.txt\nruns: [a.trec, b.trec]\nmeasures:\n  - nDCG@10\n  - RR@10\njson: true\nseed: 3\n"
    b'tag: "no"\nrate: 1e-5\nscoring: {batch_tokens: 512, store: null}\nout: ~\n'
)
SCORED = {query: {document: n / 7 for n, document in enumerate(DOC_IDS)} for query in QUERY_IDS}


ID_SET = objects([{"query_id": q, "document_ids": [*docs], "scores": [*docs.values()]} for q, docs in SCORED.items()])
TOP_RANKED = objects([{"query-id": query, "corpus-ids": [*docs]} for query, docs in SCORED.items()])
SCORE_PAIRS = objects(
    [{"query_id": q, "doc_id": d, "score": score} for q, docs in SCORED.items() for d, score in docs.items()]
)
TRIPLES = "".join(
    f"{docs[a]}\t{docs[b]}\t{query}\t{a}\t{b}\n"
    for query, docs in SCORED.items()
    for a, b in itertools.pairwise(DOC_IDS)
).encode()


def float32_lists(lists: dict[str, dict[str, float]]) -> Rows:
    return as_lists(Candidates.from_dict(lists, "score"), "score")


def write_collection(folder: Path, but: str) -> None:
    """Write a sound collection without the files of one kind, ``corpus`` or ``queries``."""
    for name, data in ((CORPUS, DOCUMENTS_JSON), (QUERY_TEXTS, QUERIES_TSV)):
        if not name.startswith(but):
            (folder / name).write_bytes(data)


def of_parquet(write: Callable[[Path], object], file: str) -> bytes:
    """Return the bytes of a file that a writer of files makes in a temporary folder."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        write(Path(folder) / file)
        return (Path(folder) / file).read_bytes()


def write_sound_parts(folder: Path) -> None:
    write_parts(Candidates.from_dict(SCORED, "score"), folder / "parts", queries=2)


def write_sound_texts(folder: Path) -> None:
    Texts.from_pairs(list(DOC_IDS), [f"text of {id_}" for id_ in DOC_IDS]).save(folder / "t.arrow")


def sealed(name: str, file: str, read: Callable[[Path], Rows], prepare: Callable[[Path], None], rows: Rows) -> Reader:
    """A file of our own, with checksums: damaged, it must be refused; whole, read as it was written."""
    sound = of_parquet(lambda path: prepare(path.parents[file.count("/")]), file)
    return Reader(
        name, file, sound, read, lambda data: rows if data == sound else None, lambda data: [rows], damaged, prepare
    )


# -- values of Parquet files -------------------------------------------------------------------------------------------


def odd_table(data: bytes, draw: random.Random) -> bytes:
    """Change values, types and names of a Parquet file's columns, and write it whole."""
    table = pq.read_table(pa.BufferReader(data))
    columns = {name: table[name].to_pylist() for name in table.column_names}
    name = draw.choice(list(columns))
    at = draw.randrange(table.num_rows)
    values = columns[name]
    kind = draw.randrange(6)
    if kind == 0:
        values[at] = None
    elif kind == 1:
        values[at] = values[draw.randrange(len(values))]
    elif kind == 2:
        columns[name] = [draw.choice([0.5, 7.0, -1.0, float("nan"), 1e30])] * len(values)
    elif kind == 3:
        columns[name] = [True] * len(values)
    elif kind == 4:
        columns[draw.choice(["_id", "title", "x", "score"])] = columns.pop(name)
    else:
        columns = {key: each[:at] for key, each in columns.items()}
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue().to_pybytes()


def parquet_qrels(data: bytes) -> Rows:
    """Judgments of a Parquet file, by way of JSON lines."""
    rows = pq.read_table(pa.BufferReader(data)).to_pylist()
    return references.jsonl_qrels("\n".join(map(json.dumps, rows)).encode(), QUERIES, DOCUMENTS, GRADES)


def parquet_texts(data: bytes) -> Rows:
    """Documents of a Parquet file, by way of JSON lines."""
    rows = pq.read_table(pa.BufferReader(data)).to_pylist()
    text = "\n".join(map(json.dumps, rows)).encode()
    return references.unique(references.jsonl_texts(text, DOCUMENT_NAMES.ids, DOCUMENT_NAMES.texts), True)


def parquet_of(rows: bytes) -> bytes:
    return of_parquet(
        lambda path: pq.write_table(pa.Table.from_pylist([json.loads(r) for r in rows.split(b"\n") if r]), path), "a"
    )


# -- the table ---------------------------------------------------------------------------------------------------------


def unzipping(reference: Callable[[bytes], Rows], zipped: bool, otherwise: Rows = None) -> Callable[[bytes], Rows]:
    def read(data: bytes) -> Rows:
        plain = references.unzipped(data, zipped)
        return otherwise if plain is None else reference(plain)

    return read


def run(
    name: str, sound: bytes, must: Callable[[bytes], Rows], file: str = RUN, read: Callable[[Path], Rows] = run_rows
) -> Reader:
    zipped = file.endswith(".gz")
    may = unzipping(references.run_readings, zipped, [])
    return Reader(name, file, sound, read, unzipping(must, zipped), may, mutated_gzip if zipped else mutated)


def scores(
    name: str,
    sound: bytes,
    reference: Callable[[bytes], Rows],
    file: str = "a.json",
    other: Callable[[bytes], Rows] = nothing,
) -> Reader:
    """Scores in another tool's form; ``other``: what a mutation may make of them."""

    def may(data: bytes) -> list[Rows]:
        found = other(data)
        return [rows for rows in (reference(data), *(found if isinstance(found, list) else [found])) if rows]

    return Reader(name, file, sound, run_rows, nothing, may)


def qrels(name: str, sound: bytes, form: tuple[int, int, int], file: str = "a.txt") -> Reader:
    zipped = file.endswith(".gz")
    must = unzipping(lambda data: references.table(data, False, *form, True, form[0] == 3), zipped)
    may = unzipping(references.qrels_readings, zipped, [])
    return Reader(name, file, sound, qrels_rows, must, may, mutated_gzip if zipped else mutated)


def collection(
    name: str, file: str, sound: bytes, read: Callable[[Path], Rows], must: Callable[[bytes], Rows]
) -> Reader:
    """A file of a collection, whose reference gives the only rows that are right."""
    zipped = file.endswith(".gz")
    right = unzipping(must, zipped)
    mutate = mutated_gzip if zipped else odd_table if file.endswith(".parquet") else mutated
    others = partial(write_collection, but=file.partition(".")[0])
    return Reader(name, file, sound, read, right, only(right), mutate, others)


def only(reference: Callable[[bytes], Rows]) -> Callable[[bytes], Sequence[Rows]]:
    return lambda data: [rows for rows in [reference(data)] if rows is not None]


def documents(reference: Callable[..., Rows]) -> Callable[[bytes], Rows]:
    return lambda data: references.unique(reference(data, DOCUMENT_NAMES.ids, DOCUMENT_NAMES.texts), True)


def queries(reference: Callable[..., Rows]) -> Callable[[bytes], Rows]:
    return lambda data: references.unique(reference(data, QUERY_NAMES.ids, QUERY_NAMES.texts), False)


def anything(data: bytes) -> list[Rows]:
    return [None]


TREC_FORM = partial(references.table, tabs=False, width=6, document=2, value=4)
json_qrels = partial(references.jsonl_qrels, queries=QUERIES, documents=DOCUMENTS, grades=GRADES)
THREE = run_text("{query}\t{document}\t{rank}")

READERS: dict[str, Reader] = {
    reader.name: reader
    for reader in (
        run("TREC run", TREC, TREC_FORM),
        run("TREC run, gzipped", TREC, TREC_FORM, "a.trec.gz"),
        run("TREC run, tabs", TREC.replace(b" ", b"\t"), TREC_FORM),
        run("TREC run, ranking in doubles", TREC, TREC_FORM, read=lambda path: read_ranking(path) and run_rows(path)),
        run("run of three columns, ranks", THREE, nothing),
        run("run of three columns, scores", run_text("{query} {document} {score:.4f}"), nothing),
        run("run of four columns", run_text("{query} {document} {rank} {score:.4f}"), nothing),
        scores("id-based score set", ID_SET, score_references.id_set, "a.jsonl", score_references.order),
        scores("scores of pairs", SCORE_PAIRS, score_references.pairs, "a.jsonl"),
        scores("candidates in order", TOP_RANKED, score_references.order, "a.jsonl"),
        scores("Margin-MSE's triples", TRIPLES, score_references.triples, "a.tsv", references.run_readings),
        scores("map of scores", json.dumps(SCORED, ensure_ascii=False, indent=1).encode(), score_references.score_map),
        qrels("TREC judgments", TREC_QRELS, (4, 2, 3)),
        qrels("TREC judgments, gzipped", TREC_QRELS, (4, 2, 3), "a.txt.gz"),
        qrels("BEIR judgments", BEIR_QRELS, (3, 1, 2), "a.tsv"),
        Reader("check of a run", RUN, TREC, no_rows(lambda path: check([path])), nothing, anything),
        collection("documents, JSON lines", CORPUS, DOCUMENTS_JSON, document_rows, documents(references.jsonl_texts)),
        collection(
            "documents, JSON lines, gzipped",
            "corpus.jsonl.gz",
            DOCUMENTS_JSON,
            document_rows,
            documents(references.jsonl_texts),
        ),
        collection("documents, tabs", "corpus.tsv", DOCUMENTS_TSV, document_rows, documents(references.tsv_texts)),
        collection("documents, tabs, header", "corpus.tsv", HEADED_TSV, document_rows, documents(references.tsv_texts)),
        collection("documents, Parquet", "corpus.parquet", parquet_of(DOCUMENTS_JSON), document_rows, parquet_texts),
        collection("queries, JSON lines", "queries.jsonl", QUERIES_JSON, query_rows, queries(references.jsonl_texts)),
        collection("queries, tabs", "queries.tsv", QUERIES_TSV, query_rows, queries(references.tsv_texts)),
        collection("queries, tabs, gzipped", "queries.tsv.gz", QUERIES_TSV, query_rows, queries(references.tsv_texts)),
        collection("judgments, JSON lines", "qrels/test.jsonl", JSON_QRELS, judgment_rows, json_qrels),
        collection("judgments, Parquet", "qrels/test.parquet", parquet_of(JSON_QRELS), judgment_rows, parquet_qrels),
        sealed(
            "texts, memory-mapped", "t.arrow", texts_rows, write_sound_texts, [(d, f"text of {d}") for d in DOC_IDS]
        ),
        sealed("run in parts", "parts/00001.parquet", parts_rows, write_sound_parts, float32_lists(SCORED)),
        Reader(
            "candidates, Parquet",
            "a.parquet",
            of_parquet(lambda path: write_candidates(Candidates.from_dict(SCORED, "score"), path), "a.parquet"),
            candidate_rows,
            nothing,
            lambda data: [{"score": float32_lists(SCORED)}],
            damaged,
        ),
        Reader("clicks", "a.jsonl", CLICKS, click_rows, references.clicks, only(references.clicks)),
        Reader("preferences", "a.txt", GSB, read_preferences, references.preferences, only(references.preferences)),
        Reader("options, YAML", "a.yaml", OPTIONS, option_rows, nothing, only(references.options)),
    )
}
