"""Id-based score sets: a query's id, the ids of its documents, and their scores.

Sets on the hub have them as three tables, queries, documents and scores; the last is read here, as JSON lines or
Parquet: ``{"query_id": "q", "document_ids": ["d1", "d2"], "scores": [7.5, 6.0]}``. ``positive_ids`` are not scores.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa

from rankdistill.data.candidates import as_ids
from rankdistill.data.score_files.forms import (
    NUMBER,
    QUERY_IDS,
    STRING,
    Cleaned,
    Form,
    as_id,
    ids_of,
    listed,
    numbers_of,
)
from rankdistill.data.score_files.lists import Part

DOCUMENT_LISTS = ("document_ids", "doc_ids", "passage_ids", "corpus-ids", "corpus_ids", "docids", "pids", "candidates")


def part(table: pa.Table) -> Part | None:
    (sizes, documents), (n_scores, scores) = listed(table["documents"]), listed(table["scores"])
    if not np.array_equal(sizes, n_scores) or scores.null_count:
        return None
    values = scores.to_numpy(zero_copy_only=False).astype(np.float64)
    return Part(as_ids(table["query"]), sizes, as_ids(documents), values, np.arange(len(table)))


def clean(fields: Cleaned, counts: Counter[str]) -> Cleaned | str:
    query, documents, scores = as_id(fields["query"]), ids_of(fields["documents"]), numbers_of(fields["scores"])
    if query is None or documents is None or scores is None:
        return "a query id, a list of document ids and a list of numbers as scores"
    if len(documents) != len(scores):
        return f"as many scores as documents, got {len(documents)} documents and {len(scores)} scores"
    return {"query": query, "documents": documents, "scores": scores}


ID_SET = Form(
    title="an id-based score set",
    needs={"query": QUERY_IDS, "documents": DOCUMENT_LISTS, "scores": ("scores", "score", "teacher_scores")},
    types={"query": STRING, "documents": pa.list_(STRING), "scores": pa.list_(NUMBER)},
    part=part,
    clean=clean,
)
