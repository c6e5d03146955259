"""Read the entries of a score file, lines of JSON or rows of Parquet, piece by piece, as lists of scored documents."""

from __future__ import annotations

import io
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.json

from rankdistill.data.kernels.json_lines import deepest, survey
from rankdistill.data.parquet import read_batches
from rankdistill.data.score_files.forms import STRING, Cleaned, Form
from rankdistill.data.score_files.lists import Part, odd_part
from rankdistill.data.sources.rows import json_objects, text_lines
from rankdistill.data.trec.kernels import pieces
from rankdistill.errors import DataError, FileFormatError
from rankdistill.files.reading import FileBytes

PIECE, BLOCK = 1 << 25, 1 << 22
"""Bytes that are parsed at a time, and bytes of them that a thread parses."""
DEEPEST = 100
"""Arrow's parser is not given JSON that is nested deeper."""


def json_parts(path: Path, data: FileBytes, start: int, form: Form, counts: Counter[str]) -> Iterator[Part]:
    """Yield the lists of JSON lines, ``data[start:]``, a piece of the file at a time.

    Raises `FileFormatError` with file and line for an entry that is not of the form.
    """
    bounds = pieces(data, start, PIECE).tolist()
    n_entries, n_lines = 0, 1 + bytes(data[:start]).count(b"\n")
    schemas = None
    for begin, end in itertools.pairwise(bounds):
        piece = bytes(data[begin:end])
        if schemas is None:
            schemas = _schemas(form, _first_object(path, piece, form))
        part, n = _by_arrow(piece, form, schemas)
        if part is None:
            part, n = _by_python(path, piece, n_lines, form, counts)
        if n:
            yield replace(part, entries=part.entries + n_entries)
        n_entries, n_lines = n_entries + n, n_lines + piece.count(b"\n")


def parquet_parts(path: Path, columns: list[str], form: Form, counts: Counter[str]) -> Iterator[Part]:
    """Yield the lists of a Parquet file, some rows at a time; raise `DataError` with file and row as `json_parts`."""
    bound = bind(form, columns)
    at = 0
    for table in read_batches(path, list(bound.values())):
        part = _of_table(table, form, bound) if _suited(table, form, bound) else None
        if part is None:
            rows = ((at + nth, form.fields_of(row)) for nth, row in enumerate(table.to_pylist()))
            part = _of_rows(rows, form, counts, partial(row_fault, path))
        yield replace(part, entries=part.entries + at)
        at += len(table)


def object_parts(path: Path, objects: list[Any], form: Form, counts: Counter[str]) -> Iterator[Part]:
    """Yield the lists of a JSON array of objects; raise `DataError` with file and entry as `json_parts`."""
    for nth, entry in enumerate(objects):
        if not isinstance(entry, dict):
            raise row_fault(path, nth, repr(entry), f"an object with {form.fields}", "entry")
    fields = ((nth, form.fields_of(entry)) for nth, entry in enumerate(objects))
    yield _of_rows(fields, form, counts, lambda nth, got, wanted: row_fault(path, nth, got, wanted, "entry"))


def bind(form: Form, names: Any) -> dict[str, str]:
    """Find the names that a form's fields have among these."""
    found = {field: next((alias for alias in aliases if alias in names), None) for field, aliases in form.names.items()}
    return {field: name for field, name in found.items() if name is not None}


def line_fault(path: Path, data: FileBytes, start: int, entry: int, got: str, expected: str) -> FileFormatError:
    """Make the error for an entry of JSON lines, by its line."""
    lines = text_lines(path, bytes(data[start:]), 1 + bytes(data[:start]).count(b"\n"))
    return FileFormatError(path, next(islice(lines, entry, None))[0], got, expected)


def row_fault(path: Path, row: int, got: str, expected: str, what: str = "row") -> DataError:
    """Make the error for a row of a Parquet file, or an entry of an array."""
    shown = got if len(got) <= 120 else got[:117] + "..."
    return DataError(f"{path}, {what} {row + 1:,}: got {shown!r}, expected {expected}")


# -- by Arrow ----------------------------------------------------------------------------------------------------------


def _first_object(path: Path, piece: bytes, form: Form) -> dict[str, Any]:
    return next(json_objects(path, piece, (), f"a JSON object with {form.fields}"))[2]


def _schemas(form: Form, first: Mapping[str, Any]) -> list[tuple[pa.Schema, dict[str, str]]]:
    """List the schemas to try, with ids as strings or as whole numbers, and the names of the fields in them."""
    bound = bind(form, first)
    kinds: list[tuple[pa.DataType, pa.DataType]] = [(STRING, STRING)]
    if form.document_is == "id":
        kinds = list(itertools.product((STRING, pa.int64()), repeat=2))
    found = []
    for query_kind, document_kind in kinds:
        fields = [
            (name, _with_ids(form.types[field], query_kind if field == "query" else document_kind))
            for field, name in bound.items()
            if field not in ("answer", "history")
        ]
        others = [(name, form.types[field]) for field, name in bound.items() if field in ("answer", "history")]
        others += [(name, form.types[field]) for field in form.may if field not in bound for name in form.may[field]]
        found.append((pa.schema(fields + others), bound))
    return found


def _with_ids(kind: pa.DataType, ids: pa.DataType) -> pa.DataType:
    """Put another type in the place of strings."""
    if pa.types.is_list(kind):
        return pa.list_(_with_ids(kind.value_type, ids))
    if pa.types.is_struct(kind):
        return pa.struct([(each.name, _with_ids(each.type, ids)) for each in kind])
    return ids if kind == STRING else kind


def _by_arrow(piece: bytes, form: Form, schemas: list[tuple[pa.Schema, dict[str, str]]]) -> tuple[Part | None, int]:
    """Parse a piece with Arrow, by the first schema that it fits, which is put first; None where Python must."""
    seen = survey(piece)
    if not seen.n_lines:
        return None, 0
    if not seen.all_objects or deepest(piece) > DEEPEST:
        return None, seen.n_lines
    try:
        ends = pa.array([0, len(piece)], pa.int64()).buffers()[1]
        pa.LargeStringArray.from_buffers(1, ends, pa.py_buffer(piece)).validate(full=True)
    except pa.ArrowException:
        return None, seen.n_lines
    for nth, (schema, bound) in enumerate(schemas):
        try:
            table = pa.json.read_json(
                io.BytesIO(piece),
                pa.json.ReadOptions(block_size=BLOCK),
                pa.json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
            )
            table.validate(full=True)
        except pa.ArrowException:
            continue
        if table.num_rows != seen.n_lines:
            break
        part = _of_table(table, form, bound)
        if part is not None:
            schemas.insert(0, schemas.pop(nth))
        return part, seen.n_lines
    return None, seen.n_lines


def _of_table(table: pa.Table, form: Form, bound: Mapping[str, str]) -> Part | None:
    """Make lists of the columns of a table; None where some are odd."""
    columns = {field: table[name] for field, name in bound.items()}
    if any(table[name].null_count < len(table) for name in set(table.column_names) - set(bound.values())):
        return None  # a field that the first entry lacks
    if any(field not in columns or columns[field].null_count for field in form.needs):
        return None
    lacking = {field: pa.nulls(len(table), kind) for field, kind in form.types.items() if field not in columns}
    part = form.part(pa.table({**columns, **lacking}))
    return None if part is None or odd_part(part) else part


def _suited(table: pa.Table, form: Form, bound: Mapping[str, str]) -> bool:
    """Whether the columns of a Parquet file have the types that the form's lists are made of."""
    return all(_suits(table.schema.field(name).type, form.types[field]) for field, name in bound.items())


def _suits(kind: pa.DataType, wanted: pa.DataType) -> bool:
    types = pa.types
    if types.is_list(wanted):
        return (types.is_list(kind) or types.is_large_list(kind)) and _suits(kind.value_type, wanted.value_type)
    if types.is_struct(wanted):
        names = {each.name: each.type for each in kind} if types.is_struct(kind) else {}
        return all(each.name in names and _suits(names[each.name], each.type) for each in wanted)
    if wanted == STRING:
        return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_integer(kind))
    return bool(types.is_floating(kind) or types.is_integer(kind))


# -- by Python ---------------------------------------------------------------------------------------------------------


def _by_python(path: Path, piece: bytes, first: int, form: Form, counts: Counter[str]) -> tuple[Part, int]:
    """Parse a piece line by line; ``first`` is the number of its first line."""
    names = tuple(itertools.chain.from_iterable(form.names.values()))
    expected = f"a JSON object with {form.fields}"
    lines: list[tuple[int, str]] = []

    def fields() -> Iterator[tuple[int, Cleaned]]:
        for nth, (number, line, entry) in enumerate(json_objects(path, piece, names, expected, first)):
            lines.append((number, line))
            yield nth, form.fields_of(entry)

    def fault(nth: int, got: str, wanted: str) -> FileFormatError:
        return FileFormatError(path, lines[nth][0], lines[nth][1], wanted)

    return _of_rows(fields(), form, counts, fault), len(lines)


def _of_rows(rows: Any, form: Form, counts: Counter[str], fault: Any) -> Part:
    """Make lists of the fields of entries, each with its number; raise the error for one that is not of the form."""
    cleaned = []
    for nth, fields in rows:
        lacking = [form.needs[name][0] for name in form.needs if name not in fields]
        row = f"an object with {form.fields}: {lacking[0]} is missing" if lacking else form.clean(fields, counts)
        if isinstance(row, str):
            raise fault(nth, ", ".join(fields), f"{row} ({form.title})")
        cleaned.append(row)
    table = pa.table({field: pa.array([row.get(field) for row in cleaned], kind) for field, kind in form.types.items()})
    part = form.part(table)
    assert part is not None  # what `clean` leaves is not odd
    return part
