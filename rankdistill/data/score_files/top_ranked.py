"""Candidates in a first stage's order and without scores: mteb's ``top_ranked``, and ``bm25`` of NanoBEIR.

``{"query-id": "q", "corpus-ids": ["d1", "d2"]}``, as JSON lines or Parquet. Older NanoBEIR sets have the order as
``bm25-ranked-ids`` beside the relevant documents.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa

from rankdistill.data.candidates import as_ids
from rankdistill.data.score_files.forms import NUMBER, QUERY_IDS, STRING, Cleaned, Form, as_id, ids_of, listed
from rankdistill.data.score_files.lists import Part, order_scores


def part(table: pa.Table) -> Part | None:
    sizes, documents = listed(table["documents"])
    if table["scores"].null_count < len(table):
        return None
    return Part(as_ids(table["query"]), sizes, as_ids(documents), order_scores(sizes), np.arange(len(table)))


def clean(fields: Cleaned, counts: Counter[str]) -> Cleaned | str:
    query, documents = as_id(fields["query"]), ids_of(fields["documents"])
    if query is None or documents is None:
        return "a query id and a list of document ids"
    if "scores" in fields:
        return "no scores, as the first entry has none"
    return {"query": query, "documents": documents}


ORDER_NAMES = ("corpus-ids", "corpus_ids", "bm25-ranked-ids", "document_ids", "doc_ids", "candidates")
TOP_RANKED = Form(
    title="candidates in order (top_ranked, NanoBEIR's bm25)",
    needs={"query": QUERY_IDS, "documents": ORDER_NAMES},
    may={"scores": ("scores", "score", "teacher_scores")},
    types={"query": STRING, "documents": pa.list_(STRING), "scores": pa.list_(NUMBER)},
    part=part,
    clean=clean,
    is_order=True,
)
