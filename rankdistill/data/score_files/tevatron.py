"""Tevatron's training data with teachers' scores: passages with their scores inside, or beside them in a list.

``{"query_id": "q", "positive_passages": [{"docid": "d1", "score": 7.5, "text": "…"}], "negative_passages": […]}``, or
``{"query_id": "q", "passages": [{"docid": "d1", "text": "…"}, …], "scores": [7.5, …]}``, where passages can be texts
alone.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.data.candidates import as_ids
from rankdistill.data.score_files import id_sets
from rankdistill.data.score_files.forms import (
    DOCUMENT_IDS,
    NUMBER,
    QUERY_IDS,
    STRING,
    Cleaned,
    Form,
    as_id,
    as_number,
    ids_of,
    listed,
)
from rankdistill.data.score_files.lists import Part, joined

SIDES = ("positive", "negative")
SCORES = ("scores", "score", "teacher_scores")


def scored_part(table: pa.Table) -> Part | None:
    parts = []
    for side in SIDES:
        sizes, passages = listed(table[side])
        ids, scores = (pc.struct_field(passages, name) for name in ("docid", "score"))
        if scores.null_count:
            return None
        values = scores.to_numpy(zero_copy_only=False).astype(np.float64)
        parts.append(Part(as_ids(table["query"]), sizes, as_ids(ids), values, np.arange(len(table))))
    return joined(parts)


def clean_scored(fields: Cleaned, counts: Counter[str]) -> Cleaned | str:
    query = as_id(fields["query"])
    if query is None:
        return "a query id"
    cleaned: Cleaned = {"query": query}
    for side in SIDES:
        passages = fields.get(side, [])
        if not isinstance(passages, list) or not all(isinstance(passage, dict) for passage in passages):
            return f"a list of passages, each with docid and score, as {side}_passages"
        cleaned[side] = [{"docid": _id_of(passage), "score": as_number(passage.get("score"))} for passage in passages]
        if any(value is None for passage in cleaned[side] for value in passage.values()):
            return f"a docid and a number as score in each of {side}_passages"
    return cleaned


def listed_part(table: pa.Table) -> Part | None:
    sizes, passages = listed(table["documents"])
    n_scores, scores = listed(table["scores"])
    if not np.array_equal(sizes, n_scores) or scores.null_count:
        return None
    values = scores.to_numpy(zero_copy_only=False).astype(np.float64)
    ids = pc.struct_field(passages, "docid")
    return Part(as_ids(table["query"]), sizes, as_ids(ids), values, np.arange(len(table)))


def clean_listed(fields: Cleaned, counts: Counter[str]) -> Cleaned | str:
    passages = fields["documents"]
    if not isinstance(passages, list) or not all(isinstance(passage, dict) for passage in passages):
        return "a list of passages, each with a docid"
    cleaned = id_sets.clean({**fields, "documents": [_id_of(passage) for passage in passages]}, counts)
    if isinstance(cleaned, str):
        return cleaned
    return {**cleaned, "documents": [{"docid": document} for document in cleaned["documents"]]}


def clean_texts(fields: Cleaned, counts: Counter[str]) -> Cleaned | str:
    texts = fields["documents"]
    if ids_of(texts) is None or not all(isinstance(text, str) for text in texts):
        return "a list of passages' texts"
    return id_sets.clean(fields, counts)


def _id_of(passage: dict[str, Any]) -> str | None:
    return as_id(next((passage[name] for name in DOCUMENT_IDS if passage.get(name) is not None), None))


def _first_is(kind: type, values: Any) -> bool:
    return isinstance(values, list) and bool(values) and isinstance(values[0], kind)


PASSAGE = pa.struct([("docid", STRING), ("score", NUMBER)])
TEVATRON = Form(
    title="Tevatron's passages with scores",
    needs={"query": QUERY_IDS, "positive": ("positive_passages",)},
    may={"negative": ("negative_passages",)},
    types={"query": STRING, "positive": pa.list_(PASSAGE), "negative": pa.list_(PASSAGE)},
    part=scored_part,
    clean=clean_scored,
)
TEVATRON_LISTS = Form(
    title="Tevatron's passages and a list of scores",
    needs={"query": QUERY_IDS, "documents": ("passages",), "scores": SCORES},
    types={
        "query": STRING,
        "documents": pa.list_(pa.struct([("docid", STRING)])),
        "scores": pa.list_(NUMBER),
    },
    part=listed_part,
    clean=clean_listed,
    suits=lambda fields: _first_is(dict, fields["documents"]),
)
TEVATRON_TEXTS = Form(
    title="Tevatron's passages as texts and a list of scores",
    needs={"query": QUERY_IDS, "documents": ("passages",), "scores": SCORES},
    types={"query": STRING, "documents": pa.list_(STRING), "scores": pa.list_(NUMBER)},
    part=id_sets.part,
    clean=clean_texts,
    suits=lambda fields: _first_is(str, fields["documents"]),
    document_is="text",
)
