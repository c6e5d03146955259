"""Read ids and texts from JSON lines and tab-separated files; errors name file and line."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from rankdistill.data.candidates import as_ids
from rankdistill.data.kernels.json_lines import survey
from rankdistill.errors import FileFormatError
from rankdistill.files.reading import read_bytes

IdsAndTexts = tuple[pa.Array, pa.Array]
BLOCK = 1 << 24
MOST_BRACKETS = 500
"""Python's parser nests deeper than this; a line with more opening brackets is its own, not Arrow's."""
MOST_DIGITS = 4000
"""Python refuses to convert whole numbers of more digits than about this."""


@dataclass(frozen=True)
class Names:
    """Names under which files of other tools keep an id and a text; the first that an entry has counts."""

    ids: tuple[str, ...]
    texts: tuple[str, ...]

    def __str__(self) -> str:
        return f"{' or '.join(self.ids)}, a string {' or '.join(map(repr, self.texts))}"


def read_jsonl(path: Path, names: Names) -> IdsAndTexts:
    """Read a JSON object a line, with an id, a text and an optional ``title``; blank lines are skipped.

    The text is title and text joined by a space and trimmed. Arrow parses the whole file where each line looks like an
    object; else, or where it rejects a line, the file is parsed line by line. Raises `FileFormatError` with file and
    line for a line that is no such object.
    """
    data = read_bytes(path)
    columns = _parse_whole(data, names) or _parse_lines(path, data, names)
    ids, titles, texts = (as_ids(column) for column in columns)
    return ids, pc.utf8_trim_whitespace(pc.binary_join_element_wise(titles, texts, pa.scalar(" ", pa.large_string())))


def read_tsv(path: Path, names: Names) -> IdsAndTexts:
    """Read lines ``id``, tab, ``text``, without quoting; blank lines are skipped.

    A first line of nothing but names of columns says where id and text are, and perhaps a ``title``, which is joined to
    the text by a space. Raises `FileFormatError` with file and line.
    """
    ids, texts = [], []
    columns: tuple[int, ...] = ()
    width, expected = 2, "an id, a tab and a text"
    for number, line in text_lines(path, read_bytes(path)):
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
    return as_ids(ids), as_ids(texts)


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
    return found if isinstance(found, str) and found and _encodable(found) else None


def _parse_whole(data: bytes, names: Names) -> tuple[pa.Array, ...] | None:
    """Parse ids, titles and texts with Arrow; None for anything but lines of one well-formed object of strings.

    What Arrow's parser takes otherwise than Python's (two objects in a line, a line that is null, text that is not
    UTF-8 in a field that nobody reads), or what is deeply nested, it is not given, or its result is not taken.
    """
    seen = survey(data)
    if not seen.n_lines or not seen.all_objects or seen.most_brackets > MOST_BRACKETS:
        return None
    schema = pa.schema([(name, pa.large_string()) for name in (*names.ids, "title", *names.texts)])
    try:
        whole = pa.py_buffer(data)
        ends = pa.array([0, len(data)], pa.int64()).buffers()[1]
        pa.LargeStringArray.from_buffers(1, ends, whole).validate(full=True)
        table = pa.json.read_json(
            io.BytesIO(data),
            pa.json.ReadOptions(block_size=BLOCK),
            pa.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
        )
        table.validate(full=True)
    except pa.ArrowException:
        return None
    ids, texts = (pc.coalesce(*(table[name] for name in each)) for each in (names.ids, names.texts))
    odd = ids.null_count or texts.null_count or pc.any(pc.equal(ids, "")).as_py()
    if odd or table.num_rows != seen.n_lines:
        return None
    return ids, pc.fill_null(table["title"], ""), texts


def _parse_lines(path: Path, data: bytes, names: Names) -> tuple[list[str], list[str], list[str]]:
    """Parse as `_parse_whole` does, line by line, also with numbers as ids; errors name file and line."""
    columns: tuple[list[str], list[str], list[str]] = ([], [], [])
    expected = f"a JSON object with {names} and perhaps a string 'title'"
    for number, line, entry in json_objects(path, data, (*names.ids, "title", *names.texts), expected):
        text = next((entry[name] for name in names.texts if entry.get(name) is not None), None)
        fields = id_of(entry, names.ids), entry.get("title") or "", text
        for column, field in zip(columns, fields, strict=True):
            if not isinstance(field, str) or not _encodable(field):
                raise FileFormatError(path, number, line, expected)
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


def _encodable(text: str) -> bool:
    """Tell whether the text is Unicode: JSON can escape surrogates, which UTF-8 cannot encode."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
