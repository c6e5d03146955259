"""Score files with one pair in a line: ``{"query_id": "q", "doc_id": "d", "score": 7.5}``."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pyarrow as pa

from rankdistill.data.candidates import as_ids
from rankdistill.data.score_files.forms import (
    DOCUMENT_IDS,
    NUMBER,
    QUERY_IDS,
    STRING,
    Cleaned,
    Form,
    as_id,
    as_number,
)
from rankdistill.data.score_files.lists import Part


def part(table: pa.Table) -> Part | None:
    if table["score"].null_count:
        return None
    scores = table["score"].to_numpy().astype(np.float64)
    ones = np.ones(len(table), np.int64)
    return Part(as_ids(table["query"]), ones, as_ids(table["document"]), scores, np.arange(len(table)))


def clean(fields: Cleaned, counts: Counter[str]) -> Cleaned | str:
    query, document, score = as_id(fields["query"]), as_id(fields["document"]), as_number(fields["score"])
    if query is None or document is None or score is None:
        return "a query id, a document id and a number as score"
    return {"query": query, "document": document, "score": score}


PAIRS = Form(
    title="scores of pairs",
    needs={"query": QUERY_IDS, "document": DOCUMENT_IDS, "score": ("score",)},
    types={"query": STRING, "document": STRING, "score": NUMBER},
    part=part,
    clean=clean,
)
