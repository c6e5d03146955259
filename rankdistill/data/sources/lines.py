"""Read ids and texts from JSON lines and tab-separated files; errors name file and line."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from rankdistill.data.candidates import as_ids
from rankdistill.errors import FileFormatError
from rankdistill.files.reading import read_bytes

IdsAndTexts = tuple[pa.Array, pa.Array]


def read_jsonl(path: Path, id_names: Sequence[str]) -> IdsAndTexts:
    """Read objects with an id under the first of ``id_names`` that they have, a ``text`` and an optional ``title``.

    The text is title and text joined by a space and trimmed. Arrow parses the whole file; a file that it
    rejects is read again line by line. Raises `FileFormatError` with file and line.
    """
    data = read_bytes(path)
    try:
        ids, titles, texts = _parse_whole(data, id_names)
    except (pa.ArrowInvalid, UnicodeDecodeError):
        ids, titles, texts = (pa.array(column, pa.large_string()) for column in _parse_lines(path, data, id_names))
    return ids, pc.utf8_trim_whitespace(pc.binary_join_element_wise(titles, texts, pa.scalar(" ", pa.large_string())))


def read_tsv(path: Path) -> IdsAndTexts:
    """Read lines ``id``, tab, ``text``; blank lines are skipped. Raises `FileFormatError` with file and line."""
    rows: list[list[str]] = []
    for number, line in _lines(path, read_bytes(path)):
        fields = line.split("\t")
        if len(fields) != 2 or not fields[0].strip():
            raise FileFormatError(path, number, line, "an id, a tab and a text")
        rows.append([field.strip() for field in fields])
    return as_ids([id_ for id_, _ in rows]), as_ids([text for _, text in rows])


def _lines(path: Path, data: bytes) -> Iterator[tuple[int, str]]:
    """Yield number and text of each line that is not blank."""
    for number, raw in enumerate(io.BytesIO(data), start=1):
        try:
            line = raw.decode().rstrip("\r\n")
        except UnicodeDecodeError:
            raise FileFormatError(path, number, raw.decode(errors="backslashreplace"), "text in UTF-8") from None
        if line.strip():
            yield number, line


def _parse_whole(data: bytes, id_names: Sequence[str]) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Parse ids, titles and texts with Arrow; `ArrowInvalid` for anything but well-formed lines of strings."""
    schema = pa.schema([(name, pa.large_string()) for name in (*id_names, "title", "text")])
    table = pa.json.read_json(
        io.BytesIO(data),
        pa.json.ReadOptions(block_size=1 << 24),
        pa.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
    )
    table.validate(full=True)
    ids = pc.coalesce(*(table[name] for name in id_names))
    texts = table["text"]
    if ids.null_count or texts.null_count or pc.any(pc.equal(ids, "")).as_py():
        raise pa.ArrowInvalid("an object without id or text")
    return as_ids(ids), as_ids(pc.fill_null(table["title"], "")), as_ids(texts)


def _parse_lines(path: Path, data: bytes, id_names: Sequence[str]) -> tuple[list[str], list[str], list[str]]:
    """Parse as `_parse_whole` does, line by line, also with numbers as ids; errors name file and line."""
    columns: tuple[list[str], list[str], list[str]] = ([], [], [])
    expected = f"a JSON object with {' or '.join(id_names)}, a string 'text' and perhaps a string 'title'"
    for number, line in _lines(path, data):
        try:
            entry: Any = json.loads(line)
        except json.JSONDecodeError as error:
            raise FileFormatError(path, number, line, f"{expected} ({error.msg} in column {error.colno})") from None
        if not isinstance(entry, dict):
            raise FileFormatError(path, number, line, expected)
        id_ = next((entry[name] for name in id_names if entry.get(name) is not None), None)
        id_ = str(id_) if isinstance(id_, int) and not isinstance(id_, bool) else id_
        fields: tuple[Any, ...] = (id_, entry.get("title") or "", entry.get("text"))
        if not id_ or not all(isinstance(field, str) and _encodable(field) for field in fields):
            raise FileFormatError(path, number, line, expected)
        for column, field in zip(columns, fields, strict=True):
            column.append(field)
    return columns


def _encodable(text: str) -> bool:
    """Tell whether the text is Unicode: JSON can escape surrogates, which UTF-8 cannot encode."""
    return not any("\ud800" <= character <= "\udfff" for character in text)
