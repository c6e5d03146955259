"""Plain readers to compare with: slow, line by line, written from the documentation of the formats.

Each takes the bytes of a file and returns its rows, or None where the file must be refused.
"""

from __future__ import annotations

import gzip
import json
import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import yaml

Rows = Any
"""What a reader makes of a file, as values that compare: mappings, lists, texts and numbers."""
QUERY_HEADERS = {"qid", "query", "query-id", "query_id", "queryid", "topic"}
DOCUMENT_HEADERS = {"docid", "doc", "did", "doc-id", "doc_id", "docno", "pid", "corpus-id", "corpus_id"}
FLOAT32_OVERFLOW = (2 - 2**-24) * 2.0**127
"""The least magnitude that rounds to an infinite float32."""
NULL, NULLS = "null", ("", "~", "null", "Null", "NULL")
LONGEST_ID = (1 << 16) - 1
MOST_DIGITS = 4000


def unzipped(data: bytes, named_gz: bool) -> bytes | None:
    """Decompress what is gzipped, whatever its name; None where that fails."""
    if not named_gz and not data.startswith(b"\x1f\x8b"):
        return data
    try:
        return gzip.decompress(data) if data else None
    except (OSError, EOFError, zlib.error):
        return None


# -- runs and judgments ------------------------------------------------------------------------------------------------


def number(text: bytes, whole: bool) -> float | None:
    """Parse a finite number, of grades a whole one that float32 holds."""
    try:
        value = float(text)
    except ValueError:
        return None
    if b"_" in text or not math.isfinite(value):
        return None
    if whole:
        return value if value.is_integer() and abs(value) <= 2**24 else None
    return value if abs(value) < FLOAT32_OVERFLOW else None


def table(
    data: bytes, tabs: bool, width: int, document: int, value: int, whole: bool = False, quoted: bool = False
) -> dict[str, dict[str, float]] | None:
    """Read lines of ``width`` fields, at single tabs or at white space: query -> document -> float32 value.

    whole: whether values are grades. quoted: whether ids in quotes are those inside, as in CSV.
    """
    rows: dict[str, dict[str, float]] = {}
    lines = [line for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n") if line.strip()]
    split = [[field.strip() for field in line.split(b"\t")] if tabs else line.split() for line in lines]
    split = [fields for fields in split if not fields[0].startswith(b"#")]
    if width == 3 and split and is_header([field.decode(errors="replace").lower() for field in split[0]]):
        split = split[1:]
    for fields in split:
        if len(fields) != width or b"\0" in b"".join(fields):
            return None
        score = number(fields[value], whole)
        try:
            query, doc = fields[0].decode(), fields[document].decode()
        except UnicodeDecodeError:
            return None
        ids = fields[0], fields[document]
        query, doc = (unquoted(query), unquoted(doc)) if quoted else (query, doc)
        if score is None or not all(ids) or max(map(len, ids)) > LONGEST_ID or doc in rows.get(query, {}):
            return None
        rows.setdefault(query, {})[doc] = float(np.float32(score))
    return rows or None


def unquoted(text: str) -> str:
    """Take the quotes from a text that is quoted as in CSV."""
    inner = text[1:-1].replace('""', "")
    whole = len(text) > 1 and text[0] == text[-1] == '"' and '"' not in inner
    return text[1:-1].replace('""', '"') if whole else text


def is_header(names: list[str]) -> bool:
    """Tell whether these are names of a query, a document and a rank or score, in this order."""
    if len(names) != 3:
        return False
    query, document, value = names
    return query in QUERY_HEADERS and document in DOCUMENT_HEADERS and value in ("rank", "score")


def negated(rows: dict[str, dict[str, float]] | None) -> dict[str, dict[str, float]] | None:
    """Make scores of ranks."""
    return rows and {query: {doc: -value + 0.0 for doc, value in docs.items()} for query, docs in rows.items()}


def run_readings(data: bytes) -> list[dict[str, dict[str, float]]]:
    """Read a run in every way that fits all of its lines."""
    readings = []
    for tabs in (False, True):
        readings += [table(data, tabs, 6, 2, 4), table(data, tabs, 4, 1, 3)]
        three = table(data, tabs, 3, 1, 2)
        readings += [three, negated(three)]
    return [rows for rows in readings if rows]


def qrels_readings(data: bytes) -> list[dict[str, dict[str, float]]]:
    """Read judgments in every way that fits all of their lines."""
    readings = []
    for tabs in (False, True):
        readings += [table(data, tabs, 4, 2, 3, True), table(data, tabs, 3, 1, 2, True, True)]
    return [rows for rows in readings if rows]


# -- texts and JSON lines ----------------------------------------------------------------------------------------------


def text_lines(data: bytes) -> list[str] | None:
    """Decode the lines that are not blank, without their ends; None for bytes that are no UTF-8."""
    try:
        lines = [line.decode() for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n")]
    except UnicodeDecodeError:
        return None
    return [line.rstrip("\r") for line in lines if line.strip()]


def json_objects(data: bytes, names: Sequence[str]) -> Iterator[dict[str, Any] | None]:
    """Yield each line's object, None for one that is none, or that has one of the names twice."""

    def whole_number(digits: str) -> float:
        return int(digits) if len(digits) <= MOST_DIGITS else math.inf

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal outermost
        outermost = [key for key, _ in found]
        return dict(found)

    for line in text_lines(data) or [""]:
        outermost: list[str] = []
        try:
            entry = json.loads(line, parse_int=whole_number, object_pairs_hook=pairs)
        except (ValueError, RecursionError):
            yield None
            continue
        twice = any(outermost.count(name) > 1 for name in names)
        yield entry if isinstance(entry, dict) and not twice else None


def first_of(entry: dict[str, Any], names: Sequence[str]) -> Any:
    return next((entry[name] for name in names if entry.get(name) is not None), None)


def identifier(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value and is_unicode(value) else None


def is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def jsonl_texts(data: bytes, ids: Sequence[str], texts: Sequence[str]) -> list[tuple[str, str]] | None:
    """Read objects of an id, a text and an optional title."""
    if text_lines(data) == []:
        return []
    rows = []
    for entry in json_objects(data, (*ids, *texts, "title")):
        if entry is None:
            return None
        id_, title, text = identifier(first_of(entry, ids)), entry.get("title") or "", first_of(entry, texts)
        if id_ is None or not all(isinstance(part, str) and is_unicode(part) for part in (title, text)):
            return None
        rows.append((id_, f"{title} {text}".strip()))
    return rows


def tsv_texts(data: bytes, ids: Sequence[str], texts: Sequence[str]) -> list[tuple[str, str]] | None:
    """Read lines of an id, a tab and a text; or those that a header describes."""
    lines = text_lines(data)
    if lines is None:
        return None
    rows, columns, width = [], [0, 1], 2
    for nth, line in enumerate(lines):
        fields = [field.strip() for field in line.split("\t")]
        names = [field.lower() for field in fields]
        if nth == 0 and len(set(names)) == len(names) and set(names) & set(ids) and set(names) & set(texts):
            chosen = [next(name for name in each if name in names) for each in (ids, texts)]
            columns = [names.index(name) for name in (chosen[0], "title", chosen[1]) if name in names]
            width = len(fields)
            continue
        if len(fields) != width or not fields[columns[0]]:
            return None
        rows.append((fields[columns[0]], " ".join(fields[column] for column in columns[1:]).strip()))
    return rows


def unique(rows: list[tuple[str, str]] | None, empty_texts: bool) -> list[tuple[str, str]] | None:
    """Refuse no rows, an id twice and, of queries, an empty text."""
    if not rows or len({id_ for id_, _ in rows}) < len(rows):
        return None
    return rows if empty_texts or all(text.strip() for _, text in rows) else None


def jsonl_qrels(
    data: bytes, queries: Sequence[str], documents: Sequence[str], grades: Sequence[str]
) -> dict[str, dict[str, float]] | None:
    """Read objects of a query id, a document id and a whole number."""
    rows: dict[str, dict[str, float]] = {}
    if not text_lines(data):
        return None
    for entry in json_objects(data, (*queries, *documents, *grades)):
        if entry is None:
            return None
        query, doc = identifier(first_of(entry, queries)), identifier(first_of(entry, documents))
        grade = first_of(entry, grades)
        if query is None or doc is None or isinstance(grade, bool) or not isinstance(grade, int | float):
            return None
        if not abs(grade) <= 2**24 or grade != int(grade) or doc in rows.get(query, {}):
            return None
        rows.setdefault(query, {})[doc] = float(grade)
    return rows


# -- clicks, preferences, options --------------------------------------------------------------------------------------


def clicks(data: bytes) -> list[tuple[str, str, list[int]]] | None:
    """Read a log of clicks."""
    rows = []
    for line in data.removeprefix(b"\xef\xbb\xbf").splitlines():
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            query, teams, ranks = entry["query"], entry["teams"], sorted(set(entry["clicks"]))
            sound = isinstance(query, str) and is_unicode(query) and isinstance(teams, str) and set(teams) <= {"A", "B"}
            sound = sound and all(type(rank) is int and 1 <= rank <= len(teams) for rank in ranks)
        except (ValueError, TypeError, KeyError, RecursionError):
            return None
        if not sound:
            return None
        rows.append((query, teams, ranks))
    return rows or None


def preferences(data: bytes) -> dict[str, int] | None:
    """Read preferences, good, same or bad."""
    meanings = {"g": 1, "good": 1, "s": 0, "same": 0, "b": -1, "bad": -1}
    rows: dict[str, int] = {}
    for raw in data.removeprefix(b"\xef\xbb\xbf").splitlines():
        try:
            fields = raw.decode().split()
        except UnicodeDecodeError:
            return None
        if not fields or fields[0].startswith("#"):
            continue
        if len(fields) != 2 or fields[1].lower() not in meanings or fields[0] in rows:
            return None
        rows[fields[0]] = meanings[fields[1].lower()]
    return rows or None


def options(data: bytes) -> dict[str, list[str]] | None:
    """Read the options of a YAML file as texts, null as "null", through PyYAML's loader that resolves no types."""
    try:
        node = yaml.compose(data.removeprefix(b"\xef\xbb\xbf").decode(), Loader=yaml.BaseLoader)
        return {} if node is None else dict(_options(node, "", set()))
    except (ValueError, RecursionError, yaml.YAMLError):
        return None


def _options(node: Any, prefix: str, seen: set[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the options of a mapping; ValueError for what is none."""
    if node.id != "mapping":
        raise ValueError(node.id)
    for key_node, value in node.value:
        if key_node.id != "scalar":
            raise ValueError(key_node.id)
        key = prefix + key_node.value.replace("_", "-")
        if value.id == "mapping" and not prefix:
            yield from _options(value, f"{key}.", seen)
            continue
        items = value.value if value.id == "sequence" else [value]
        if key in seen or any(item.id != "scalar" for item in items):
            raise ValueError(key)
        seen.add(key)
        yield key, [NULL if item.style is None and item.value in NULLS else item.value for item in items]


Reference = Callable[[bytes], Rows]
