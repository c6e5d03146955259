"""Tell by its content whether a file holds scores in another tool's form, and which."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rankdistill.data.parquet import column_names, read_batches
from rankdistill.data.score_files.flag_embedding import FLAG_EMBEDDING
from rankdistill.data.score_files.forms import Form
from rankdistill.data.score_files.id_sets import ID_SET
from rankdistill.data.score_files.listwise import LISTWISE
from rankdistill.data.score_files.margins import Columns, columns_of
from rankdistill.data.score_files.pairs import PAIRS
from rankdistill.data.score_files.tevatron import TEVATRON, TEVATRON_LISTS, TEVATRON_TEXTS
from rankdistill.data.score_files.top_ranked import TOP_RANKED
from rankdistill.data.trec.forms import JSON
from rankdistill.errors import DataError, FileFormatError
from rankdistill.files.reading import BYTE_ORDER_MARK, FileBytes

FORMS = (TEVATRON, TEVATRON_LISTS, TEVATRON_TEXTS, FLAG_EMBEDDING, ID_SET, LISTWISE, TOP_RANKED, PAIRS)
"""The forms of JSON lines and Parquet rows; the first that fits counts."""
BLANK = b" \t\r\n"
EXPECTED = "; or ".join(f"{form.fields} ({form.title})" for form in FORMS)


@dataclass(frozen=True)
class Recognised:
    """What a file is read as; "other" is an object of no known form."""

    kind: Literal["lines", "array", "map", "margins", "other"]
    form: Form | None = None
    columns: Columns | None = None
    start: int = 0
    first: dict[str, Any] | None = None
    """The object in the first line; None where that line is no whole object."""


def recognise_bytes(path: Path, data: FileBytes) -> Recognised | None:
    """Recognise a file of text by its beginning; None for TREC's forms and unknown ones.

    Raises `FileFormatError` for JSON of no known form, naming those that are known.
    """
    found = recognise_any(path, data)
    if found is not None and found.kind == "other":
        raise unknown_form(path, data, found)
    return found


def recognise_any(path: Path, data: FileBytes) -> Recognised | None:
    """Recognise a file of text as `recognise_bytes` does; an object of no known form is no error."""
    start = first_byte(data)
    line = next(_lines(data, start), b"")
    if not JSON.match(line):  # an id in a run can begin with a bracket, too
        columns = columns_of(path, data, start)
        return None if columns is None else Recognised("margins", columns=columns)
    if line.startswith(b"["):
        return Recognised("array", start=start)
    first = next(json_entries([line]), None)
    if not isinstance(first, dict):
        return Recognised("map", start=start)  # of several lines, or damaged: then its parser says where
    form = form_of_all(json_entries(_lines(data, start)))
    if form is not None:
        return Recognised("lines", form, start=start, first=first)
    return Recognised("map" if _is_map(first) else "other", start=start, first=first)


def unknown_form(path: Path, data: FileBytes, found: Recognised) -> FileFormatError:
    """Make the error for an object of no known form, naming those that are known."""
    assert found.first is not None
    return FileFormatError(
        path, line_at(data, found.start), f"an object with {', '.join(found.first)}", expected(found.first)
    )


def first_byte(data: FileBytes) -> int:
    """Find the first byte of a text that is not blank."""
    start = len(BYTE_ORDER_MARK) if data[:3] == BYTE_ORDER_MARK else 0
    while start < len(data) and data[start] in BLANK:
        start += 1
    return start


def line_at(data: FileBytes, start: int) -> int:
    """Number the line, from 1, that has this byte."""
    return 1 + bytes(data[:start]).count(b"\n")


def _lines(data: FileBytes, start: int) -> Iterator[bytes]:
    while start < len(data):
        end = data.find(b"\n", start) + 1 or len(data)
        yield bytes(data[start:end])
        start = end


def json_entries(lines: Iterable[bytes]) -> Iterator[Any]:
    """Parse lines of JSON, but blank ones, as far as the first that is none."""
    for line in lines:
        if line.strip(BLANK):
            try:
                yield json.loads(line)
            except (ValueError, RecursionError):
                return


def form_of_all(entries: Iterable[Any]) -> Form | None:
    """Find the form of a file's entries, by the first of them whose lists are not empty.

    An empty list does not tell ids from objects or texts. Where all are empty, the first form that has them counts.
    """
    found = None
    for entry in entries:
        if not isinstance(entry, dict):
            break
        fitting, empty = form_of(entry), next((form for form in FORMS if form.has_empty_list(entry)), None)
        if empty is None:
            return fitting or found
        found = found or fitting or empty
    return found


def form_of(entry: Any) -> Form | None:
    """Find the form of an entry."""
    return next((form for form in FORMS if form.fits(entry)), None)


def nearest(entry: dict[str, Any]) -> Form | None:
    """Find the form of which an entry has the most fields, where it has two or more; else None."""
    shared = {form: len(form.needs.keys() & form.fields_of(entry).keys()) for form in FORMS}
    found = max(shared, key=lambda form: (shared[form] / len(form.needs), shared[form]))
    return found if shared[found] >= 2 else None


def expected(entry: dict[str, Any]) -> str:
    """Say what an entry of no known form lacks for the form that it is the nearest to, or all forms."""
    form = nearest(entry)
    if form is None:
        return f"the fields {EXPECTED}"
    lacking = [names[0] for field, names in form.needs.items() if field not in form.fields_of(entry)]
    lacks = f"also {', '.join(lacking)}, which " if lacking else "other values, as "
    return f"{lacks}{form.title} has beside {form.fields}; forms of score files: docs/teachers.md"


def recognise_parquet(path: Path) -> tuple[Form, list[str]]:
    """Recognise a Parquet file by its columns and first rows: its form, and the names of its columns.

    Raises `DataError` where it has no known form or no row.
    """
    names = column_names(path)
    form = form_of_all(parquet_rows(path))
    if form is not None:
        return form, names
    if next(parquet_rows(path), None) is None:
        raise DataError(f"{path} has no rows, expected scores")
    raise DataError(f"{path} has the columns {', '.join(names)}, expected {EXPECTED}")


def parquet_rows(path: Path) -> Iterator[dict[str, Any]]:
    """Read the rows of a Parquet file one by one, which is slow; raise the errors of `read_batches`."""
    for table in read_batches(path, column_names(path), rows=1):
        yield from table.to_pylist()


def is_parquet(path: Path) -> bool:
    """Tell whether a file is Parquet, by its first bytes; pipes are none."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"PAR1"


def _is_map(entry: dict[str, Any]) -> bool:
    """Tell whether an object maps queries to documents: all values, but mteb's own, are objects or lists."""
    return bool(entry) and all(isinstance(value, dict | list) for value in entry.values())
