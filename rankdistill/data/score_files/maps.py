"""Runs as one JSON object: ``{query: {document: score}}``, as ranx, BEIR and mteb write them, or lists in order.

mteb puts a run of each split and subset under their names beside ``mteb_model_meta``; a file that has one of them is
read. ``{query: [document, …]}`` is mteb's ``top_ranked`` as JSON: an order without scores.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from rankdistill.data.candidates import as_ids
from rankdistill.data.score_files.forms import as_number, ids_of
from rankdistill.data.score_files.lists import Part, order_scores
from rankdistill.errors import DataError, FileFormatError
from rankdistill.files.reading import is_unicode

TITLE, ORDER_TITLE = "a map of queries to scores of documents", "a map of queries to documents in order"
EXPECTED = "{query: {document: score}} or {query: [document, …]}"
META = "mteb_model_meta"


def parse(path: Path, data: bytes) -> Any:
    """Parse a file of JSON; raise `FileFormatError` where it is none, or has a name twice in one object."""
    twice: list[str] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            names = [name for name, _ in pairs]
            twice.append(next(name for name in names if names.count(name) > 1))
        return made

    try:
        parsed = json.loads(data, object_pairs_hook=unique, parse_int=_whole)
    except UnicodeDecodeError as error:
        line = 1 + data[: error.start].count(b"\n")
        raise FileFormatError(path, line, str(error.reason), "text in UTF-8") from None
    except json.JSONDecodeError as error:
        raise FileFormatError(path, error.lineno, f"{error.msg} in column {error.colno}", "JSON") from None
    except RecursionError:
        raise FileFormatError(path, 1, "JSON that is nested too deeply", EXPECTED) from None
    if twice:
        raise DataError(f"{path} has {twice[0]!r} twice in one object: keep one")
    return parsed


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) <= 400 else float("inf")


def map_part(path: Path, parsed: dict[str, Any]) -> tuple[Part, str]:
    """Make lists of a parsed map, and say what it is; raise `DataError` for other contents."""
    lists = _one_run(path, {name: value for name, value in parsed.items() if name != META})
    is_order = all(isinstance(value, list) for value in lists.values())
    documents: list[str] = []
    scores: list[float] = []
    sizes = []
    for query, value in lists.items():
        if is_order:
            ids = ids_of(value)
            numbers: list[float | None] = []
        elif isinstance(value, dict):
            ids, numbers = list(value), [as_number(score) for score in value.values()]
        else:
            raise DataError(f"{path}: the value of query {query!r} is {value!r:.60}, expected {EXPECTED}")
        if ids is None or None in numbers or not query or not all(ids) or not all(map(is_unicode, (query, *ids))):
            raise DataError(f"{path}: the list of query {query!r} has an empty id or no finite score: {EXPECTED}")
        documents += ids
        scores += [number for number in numbers if number is not None]
        sizes.append(len(ids))
    widths = np.array(sizes, np.int64)
    values = order_scores(widths) if is_order else np.array(scores, np.float64)
    part = Part(as_ids(list(lists)), widths, as_ids(documents), values, np.arange(len(widths)))
    return part, ORDER_TITLE if is_order else TITLE


def _one_run(path: Path, value: dict[str, Any], place: tuple[str, ...] = ()) -> dict[str, Any]:
    """Go down to the one run of a file of mteb's, whose names of subset and split lead to it."""
    inner = list(value.values())
    if not inner:
        raise DataError(f"{path} holds no scores, expected {EXPECTED}")
    deeper = all(isinstance(each, dict) and each for each in inner) and all(
        isinstance(own, dict | list) for each in inner for own in each.values()
    )
    if not deeper:
        return value
    if len(value) > 1:
        names = ", ".join("/".join((*place, name)) for name in value)
        raise DataError(f"{path} holds several runs, {names}: write the one that is meant to a file of its own")
    name = next(iter(value))
    return _one_run(path, value[name], (*place, name))
