"""Ids and texts of JSON lines and tab-separated files in plain Python; errors name file and line."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from rankdistill.errors import FileFormatError
from rankdistill.files.reading import check_unicode, is_unicode, read_bytes

MOST_DIGITS = 4000
"""Python refuses to convert whole numbers of more digits than about this."""


@dataclass(frozen=True)
class Names:
    """Names under which files of other tools keep an id and a text; the first that an entry has counts."""

    ids: tuple[str, ...]
    texts: tuple[str, ...]

    def __str__(self) -> str:
        return f"{' or '.join(self.ids)}, a string {' or '.join(map(repr, self.texts))}"


DOCUMENT_NAMES = Names(
    ("_id", "doc_id", "id", "docid", "corpus-id", "corpus_id", "document_id", "pid"), ("text", "contents", "body")
)
QUERY_NAMES = Names(("_id", "query_id", "id", "qid", "query-id"), ("text", "query", "question"))
HOW = [DOCUMENT_NAMES.ids, DOCUMENT_NAMES.texts]
"""All that decides how documents are read, by which their texts in the cache are named."""


def tsv_rows(path: Path, data: bytes, names: Names) -> tuple[list[str], list[str]]:
    """Parse lines ``id``, tab, ``text``, without quoting; blank lines are skipped.

    A first line of nothing but names of columns says where id and text are, and perhaps a ``title``, which is joined to
    the text by a space. Raises `FileFormatError` with file and line.
    """
    ids, texts = [], []
    columns: tuple[int, ...] = ()
    width, expected = 2, "an id, a tab and a text"
    for number, line in text_lines(path, data):
        fields = [field.strip() for field in line.split("\t")]
        if not columns:
            columns = _header_columns(fields, names)
            if columns:
                width, expected = len(fields), f"the {len(fields)} fields of the header, the id not empty"
                continue
            columns = (0, 1)
        if len(fields) != width or not fields[columns[0]]:
            raise FileFormatError(path, number, line, expected)
        ids.append(fields[columns[0]])
        texts.append(" ".join(fields[column] for column in columns[1:]).strip())
    return ids, texts


def line_of_row(path: Path, row: int, names: Names) -> int:
    """Find the number of the line that gave the row (from 0) of `read_jsonl` or `read_tsv`."""
    lines = text_lines(path, read_bytes(path))
    first, line = next(lines)
    if not line.lstrip().startswith("{") and _header_columns([field.strip() for field in line.split("\t")], names):
        row += 1
    return first if row == 0 else next(islice(lines, row - 1, None))[0]


def _header_columns(fields: list[str], names: Names) -> tuple[int, ...]:
    """Find the columns of id, title (if any) and text in a header; nothing where this is none."""
    lowered = [field.lower() for field in fields]
    ids, texts = (next((name for name in each if name in lowered), None) for each in (names.ids, names.texts))
    if ids is None or texts is None or len(set(lowered)) < len(lowered):
        return ()
    return tuple(lowered.index(name) for name in (ids, "title", texts) if name in lowered)


def text_lines(path: Path, data: bytes, first: int = 1) -> Iterator[tuple[int, str]]:
    """Yield number and text of each line that is not blank; raise `FileFormatError` for one that is not UTF-8.

    first: number of the first line, where the data are a piece of the file.
    """
    for number, raw in enumerate(io.BytesIO(data), start=first):
        try:
            line = raw.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise FileFormatError(path, number, raw.decode(errors="backslashreplace"), "text in UTF-8") from None
        if line.strip():
            yield number, line


def json_objects(
    path: Path, data: bytes, names: Sequence[str], expected: str, first: int = 1
) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """Yield number, text and object of each line that is not blank.

    Raises `FileFormatError`, with what is expected, for a line that is no JSON object, that has one of ``names`` twice
    or that is nested deeper than Python can follow. A whole number of more than `MOST_DIGITS` digits becomes infinite.
    first: number of the first line, where the data are a piece of the file.
    """
    for number, line in text_lines(path, data, first):
        try:
            entry = _DECODER.decode(line)
            twice = _name_twice(line, names)
        except json.JSONDecodeError as error:
            raise FileFormatError(path, number, line, f"{expected} ({error.msg} in column {error.colno})") from None
        except RecursionError:
            raise FileFormatError(path, number, line, f"{expected}, not so deeply nested") from None
        if not isinstance(entry, dict):
            raise FileFormatError(path, number, line, expected)
        if twice:
            raise FileFormatError(path, number, line, f"{expected}, with {twice!r} once")
        yield number, line, entry


def id_of(entry: dict[str, Any], names: Sequence[str]) -> str | None:
    """Get the id under the first of ``names`` that has a value: a string, or a whole number as a string; else None."""
    found = next((entry[name] for name in names if entry.get(name) is not None), None)
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    return found if isinstance(found, str) and found and is_unicode(found) else None


def json_rows(path: Path, data: bytes, names: Names) -> tuple[list[str], list[str], list[str]]:
    """Parse a JSON object a line: ids, which may be whole numbers, titles (empty where there is none) and texts.

    Raises `FileFormatError` with file and line for a line that is no such object.
    """
    columns: tuple[list[str], list[str], list[str]] = ([], [], [])
    expected = f"a JSON object with {names} and perhaps a string 'title'"
    for number, line, entry in json_objects(path, data, (*names.ids, "title", *names.texts), expected):
        text = next((entry[name] for name in names.texts if entry.get(name) is not None), None)
        fields = id_of(entry, names.ids), entry.get("title") or "", text
        for column, field in zip(columns, fields, strict=True):
            if not isinstance(field, str):
                raise FileFormatError(path, number, line, expected)
            check_unicode(field, path, number, line, expected)
            column.append(field)
    return columns


def _whole_number(digits: str) -> int | float:
    return int(digits) if len(digits) <= MOST_DIGITS else math.inf


_DECODER = json.JSONDecoder(parse_int=_whole_number)


def _name_twice(line: str, names: Sequence[str]) -> str | None:
    """Find the first of ``names`` that the object of a line has more than once."""
    suspects = [name for name in names if line.count(f'"{name}"') > 1]
    if not suspects:
        return None
    objects: list[list[tuple[str, Any]]] = []
    json.loads(line, object_pairs_hook=objects.append, parse_int=_whole_number)
    keys = [key for key, _ in objects[-1]] if objects else []
    return next((name for name in suspects if keys.count(name) > 1), None)
