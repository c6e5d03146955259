"""Plain readers of score files in other tools' forms, as `references` has them of runs: query -> document -> score."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from benchmarks.faults.references import Rows, first_of, identifier, json_objects, number, text_lines
from rankdistill.data.score_files.forms import DOCUMENT_IDS, QUERY_IDS
from rankdistill.data.score_files.id_sets import DOCUMENT_LISTS
from rankdistill.data.score_files.margins import NAMES
from rankdistill.data.score_files.top_ranked import ORDER_NAMES

SCORES = ("scores", "score", "teacher_scores")


def id_set(data: bytes) -> Rows:
    """Lines of a query id, document ids and as many scores."""

    def rows(entry: dict[str, Any]) -> Iterable[tuple[Any, Any]] | None:
        documents, scores = first_of(entry, DOCUMENT_LISTS), first_of(entry, SCORES)
        if not isinstance(documents, list) or not isinstance(scores, list) or len(documents) != len(scores):
            return None
        return zip(documents, scores, strict=True)

    return _lists(data, (*QUERY_IDS, *DOCUMENT_LISTS, *SCORES), rows)


def pairs(data: bytes) -> Rows:
    """Lines of a query id, a document id and a score."""
    names = (*QUERY_IDS, *DOCUMENT_IDS, "score")
    return _lists(data, names, lambda entry: [(first_of(entry, DOCUMENT_IDS), entry.get("score"))])


def order(data: bytes) -> Rows:
    """Lines of a query id and documents in order, where none has scores."""

    def rows(entry: dict[str, Any]) -> Iterable[tuple[Any, Any]] | None:
        documents = first_of(entry, ORDER_NAMES)
        if not isinstance(documents, list) or first_of(entry, SCORES) is not None:
            return None
        return [(document, -place) for place, document in enumerate(documents, start=1)]

    return _lists(data, (*QUERY_IDS, *ORDER_NAMES), rows)


def _lists(
    data: bytes, names: Sequence[str], rows: Callable[[dict[str, Any]], Iterable[tuple[Any, Any]] | None]
) -> Rows:
    """Read lines of JSON; a pair may come again with the same score."""
    found: dict[str, dict[str, float]] = {}
    for entry in json_objects(data.lstrip(b" \t\r\n"), names):
        if entry is None:
            return None
        query, listed = identifier(first_of(entry, QUERY_IDS)), rows(entry)
        if query is None or listed is None:
            return None
        for document, score in listed:
            name, value = identifier(document), _number(score)
            if name is None or value is None or found.setdefault(query, {}).setdefault(name, value) != value:
                return None
    return _float32(found)


def triples(data: bytes) -> Rows:
    """Lines of two scores, a query and two documents; the first score of a pair counts."""
    lines = text_lines(data)
    if not lines:
        return None
    tabs = "\t" in lines[0]
    columns = list(range(5))
    found: dict[str, dict[str, float]] = {}
    for nth, line in enumerate(lines):
        fields = [field.strip() for field in line.split("\t")] if tabs else line.split()
        lowered = [field.lower() for field in fields]
        if nth == 0 and all(any(name in lowered for name in names) for names in NAMES.values()):
            columns = [next(lowered.index(name) for name in names if name in lowered) for names in NAMES.values()]
            continue
        if len(fields) != 5 or "\0" in line:
            return None
        *scores, query, relevant, other = [fields[column] for column in columns]
        values = [number(score.encode(), False) for score in scores]
        if None in values or not (query and relevant and other):
            return None
        for document, value in zip((relevant, other), scores, strict=True):
            found.setdefault(query, {}).setdefault(document, float(value))
    return _float32(found)


def score_map(data: bytes) -> Rows:
    """One object: query -> document -> score."""
    twice = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        twice.append(len(dict(pairs)) < len(pairs))
        return dict(pairs)

    try:
        found = json.loads(data, object_pairs_hook=unique)
    except (ValueError, RecursionError):
        return None
    if any(twice) or not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
        return None
    read = {query: {name: _number(score) for name, score in each.items()} for query, each in found.items()}
    names = [*read, *(name for each in read.values() for name in each)]
    if None in [score for each in read.values() for score in each.values()] or not all(map(identifier, names)):
        return None
    return _float32(read)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return number(repr(value).encode(), False) if abs(value) < 1e300 else None


def _float32(found: dict[str, Any]) -> Rows:
    """Round scores; lists without documents are none."""
    kept = {query: {name: float(np.float32(score)) for name, score in each.items()} for query, each in found.items()}
    return {query: each for query, each in kept.items() if each} or None
