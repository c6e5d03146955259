"""Read judgments from JSON lines and Parquet files, as MTEB's collections have them; errors name file and line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.arrays import F32
from rankdistill.data.candidates import Candidates, as_ids
from rankdistill.data.parquet import read_table
from rankdistill.data.score_files.forms import listed
from rankdistill.data.sources.rows import id_of, json_objects
from rankdistill.data.sources.tables import column_name, refuse_rows, string_column
from rankdistill.errors import DataError, FileFormatError
from rankdistill.files.reading import read_bytes

QUERIES = ("query-id", "query_id", "qid", "query")
DOCUMENTS = ("corpus-id", "corpus_id", "doc_id", "docid", "doc-id", "document_id", "pid")
GRADES = ("score", "label", "relevance", "grade", "rel")
RELEVANT = ("positive-corpus-ids", "positive_ids")
"""Lists of relevant documents, whose grade is 1."""
LARGEST = 1 << 24
"""Whole numbers up to this one are float32 numbers."""


def read_jsonl_qrels(path: Path) -> Candidates:
    """Read a JSON object a line, such as ``{"query-id": "q", "corpus-id": "d", "score": 1}``, into the column "label".

    Grades are whole numbers, also written ``1.0``. Raises `FileFormatError` with file and line for a line that is no
    such object, for a document judged twice for a query, and for a file without lines.
    """
    expected = f"a JSON object with {QUERIES[0]}, {DOCUMENTS[0]} and a whole number under score"
    rows: dict[tuple[str, str], tuple[float, int]] = {}
    for number, line, entry in json_objects(path, read_bytes(path), (*QUERIES, *DOCUMENTS, *GRADES), expected):
        query, document = id_of(entry, QUERIES), id_of(entry, DOCUMENTS)
        grade = _grade(next((entry[name] for name in GRADES if entry.get(name) is not None), None))
        if query is None or document is None or grade is None:
            raise FileFormatError(path, number, line, expected)
        if (query, document) in rows:
            first = rows[query, document][1]
            expected = f"each document once for query {query} (line {first} has it)"
            raise FileFormatError(path, number, f"document {document} again", expected)
        rows[query, document] = grade, number
    if not rows:
        raise FileFormatError(path, 1, "a file without lines", expected)
    query_ids, doc_ids = zip(*rows, strict=True)
    grades = np.array([grade for grade, _ in rows.values()], np.float32)
    return Candidates.from_rows(list(query_ids), list(doc_ids), {"label": grades})


def read_parquet_qrels(path: Path) -> Candidates:
    """Read columns of a query id, a document id and a grade, named as in JSON lines, into the column "label".

    Without a grade all are relevant, of grade 1, as in NanoBEIR; so are lists of ``positive-corpus-ids``.
    Raises `DataError` with file and row for a missing value, a grade that is no whole number or another column.
    """
    table = read_table(path)
    query_ids = string_column(path, table, QUERIES)
    if names := [name for name in RELEVANT if name in table.column_names]:
        return _relevant(path, query_ids, table[names[0]])
    doc_ids = string_column(path, table, DOCUMENTS)
    if len(table.column_names) == 2:  # NanoBEIR names the relevant documents alone
        return _graded(path, query_ids, doc_ids, np.ones(len(table), np.float32))
    name = column_name(path, table, GRADES)
    kind = table.schema.field(name).type
    if not pa.types.is_floating(kind) and not pa.types.is_integer(kind):
        raise DataError(f"{path}: column {name!r} is of type {kind}, expected whole numbers")
    refuse_rows(path, name, table[name].is_null(), "null, expected a value")
    grades = pc.cast(table[name], pa.float64(), safe=False).to_numpy()
    refuse_rows(path, name, ~(np.isfinite(grades) & (np.rint(grades) == grades)), "not a whole number")
    refuse_rows(path, name, np.abs(grades) > LARGEST, f"beyond {LARGEST:,}, the largest grade")
    return _graded(path, query_ids, doc_ids, grades.astype(np.float32))


def _relevant(path: Path, query_ids: pa.Array, lists: pa.ChunkedArray) -> Candidates:
    """Give the documents listed with each query the grade 1."""
    if not pa.types.is_list(lists.type) and not pa.types.is_large_list(lists.type):
        raise DataError(f"{path}: the relevant documents are of type {lists.type}, expected lists of ids")
    sizes, doc_ids = listed(lists)
    refuse_rows(path, "relevant documents", doc_ids.is_null(), "null, expected ids")
    rows = query_ids.take(pa.array(np.repeat(np.arange(len(sizes)), sizes)))
    return _graded(path, rows, as_ids(doc_ids), np.ones(len(doc_ids), np.float32))


def _graded(path: Path, query_ids: pa.Array, doc_ids: pa.Array, grades: F32) -> Candidates:
    if not len(grades):
        raise DataError(f"{path} has no rows, expected judgments")
    try:
        return Candidates.from_rows(query_ids, doc_ids, {"label": grades})
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def _grade(value: object) -> float | None:
    """Take a whole number that float32 holds; None for all else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) <= LARGEST and value == int(value) else None
