"""The lines of TREC files: kernels parse them, and Python checks one by one those that a kernel does not accept."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from rankdistill.arrays import I64, U8, Floats
from rankdistill.data.candidates import Candidates
from rankdistill.data.kernels.ids import id_bytes, ids_from_bytes, repeated_rows
from rankdistill.data.offsets import offsets_of
from rankdistill.data.trec.forms import TREC_QRELS, WIDEST, Layout, LineForm, recognise
from rankdistill.data.trec.kernels import copy_spans, count_lines, parse_lines, pieces
from rankdistill.errors import FileFormatError
from rankdistill.files.reading import BYTE_ORDER_MARK, FileBytes, map_bytes

PIECE = 1 << 18  # bytes; a kernel's results for a piece of this size fit in a core's cache


@dataclass(frozen=True, eq=False)
class GroupedLines:
    """The contents of a file's lines, grouped by query, those of a query in the order of the file."""

    query_ids: pa.Array
    offsets: I64
    doc_ids: pa.Array
    values: Floats

    def candidates(self, columns: Mapping[str, Any]) -> Candidates:
        """Build candidates of these lines with these columns, one value a line."""
        return Candidates(self.query_ids, self.offsets, self.doc_ids, columns)


def parse_file(path: Path, data: FileBytes, layout: Layout, dtype: Any = np.float32) -> GroupedLines:
    """Parse a file of this layout, with the first of its separators that fits all lines.

    Raises `FileFormatError` for the first line that is not of the form; of several separators, for the later one.
    """
    errors = []
    for tabs in layout.separators:
        try:
            return parse(path, data, layout.form, layout.start, dtype, tabs)
        except FileFormatError as error:
            errors.append(error)
    raise max(errors, key=lambda error: error.line)


def parse(
    path: Path, data: FileBytes, form: LineForm, start: int, dtype: Any = np.float32, tabs: bool = False
) -> GroupedLines:
    """Parse ``data[start:]``, every line of one form; raises `FileFormatError` for the first that is not.

    tabs: whether single tabs separate the fields, instead of white space.
    """
    if start == len(data):
        raise FileFormatError(path, 1, "a file with no lines but its header", str(form))
    view = np.frombuffer(data, np.uint8)
    view.flags.writeable = False
    bounds = pieces(data, start, PIECE)
    counts, beyond_ascii = count_lines(view, bounds)
    counts[-1] += data[-1] != ord("\n")
    first_rows = offsets_of(counts)[:-1]
    room = int(counts.sum())
    queries, documents, values = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, dtype)
    ends = parse_lines(
        view, bounds, first_rows, len(form.fields), form.document, form.value, tabs, queries, documents, values
    )
    queries, documents, values = (_joined(array, first_rows, ends) for array in (queries, documents, values))
    if not len(values):  # blank lines and comments
        raise FileFormatError(path, 1, "a file with no lines but its header", str(form))
    doubtful = np.isnan(values)
    if form.whole:
        doubtful |= (values != np.rint(values)) | (np.abs(values) >= form.largest)
    for row in np.flatnonzero(doubtful):
        begin = data.rfind(b"\n", 0, int(documents[row] // WIDEST)) + 1
        documents[row], values[row] = _look_closer(path, data, form, max(begin, start), tabs)
    firsts = np.flatnonzero(queries >= 0)
    segment_ids = _ids(path, data, view, queries[firsts], beyond_ascii)
    sizes = np.diff(firsts, append=len(values))
    codes = pc.dictionary_encode(segment_ids)
    query_of_segment = codes.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    if (np.diff(query_of_segment) < 0).any():
        segments = np.argsort(query_of_segment, kind="stable")
        taken = sizes[segments]
        rows = np.arange(len(values)) + np.repeat(firsts[segments] - (np.cumsum(taken) - taken), taken)
        documents, values = documents[rows], values[rows]
    per_query = np.bincount(query_of_segment, weights=sizes, minlength=len(codes.dictionary)).astype(np.int64)
    offsets = offsets_of(per_query)
    doc_ids = _ids(path, data, view, documents, beyond_ascii)
    _check_unique(path, data, form, documents, codes.dictionary, offsets, doc_ids)
    return GroupedLines(codes.dictionary, offsets, doc_ids, values)


def _joined(array: NDArray[Any], first_rows: I64, ends: I64) -> NDArray[Any]:
    """Concatenate the rows of the pieces, in place."""
    at = int(ends[0])
    for first, end in zip(first_rows[1:].tolist(), ends[1:].tolist(), strict=True):
        if at < first:  # blank lines and comments left room
            array[at : at + end - first] = array[first:end]
        at += end - first
    return array[:at]


def _ids(path: Path, data: FileBytes, view: U8, spans: I64, beyond_ascii: bool | np.bool_) -> pa.Array:
    ids = ids_from_bytes(*copy_spans(view, spans))
    if beyond_ascii:
        try:
            ids.validate(full=True)
        except pa.ArrowInvalid:
            _raise_for_bad_text(path, data, spans)
    return ids


def _raise_for_bad_text(path: Path, data: FileBytes, spans: I64) -> None:
    for span in np.sort(spans).tolist():
        begin = span // WIDEST
        try:
            bytes(data[begin : begin + span % WIDEST]).decode()
        except UnicodeDecodeError:
            line = line_from(data, data.rfind(b"\n", 0, begin) + 1).removeprefix(BYTE_ORDER_MARK)
            raise FileFormatError(path, line_number(data, begin), _shown(line), "text in UTF-8") from None


def _check_unique(
    path: Path,
    data: FileBytes,
    form: LineForm,
    documents: I64,
    query_ids: pa.Array,
    offsets: I64,
    doc_ids: pa.Array,
) -> None:
    """Raise `FileFormatError` for the first line whose document an earlier line of the query has."""
    first = repeated_rows(offsets, *id_bytes(doc_ids))
    repeated = np.flatnonzero(first >= 0)
    if not repeated.size:
        return
    row = int(repeated[np.argmin(documents[repeated])])
    query = int(np.searchsorted(offsets, row, side="right")) - 1
    number, first_number = (line_number(data, int(documents[i] // WIDEST)) for i in (row, first[row]))
    second, first_second = (_second_field(data, int(documents[i] // WIDEST)) for i in (row, first[row]))
    subtopics = (second, first_second) if form is TREC_QRELS and second != first_second else None
    raise _repeated(path, number, query_ids[query].as_py(), doc_ids[row].as_py(), first_number, subtopics)


def _second_field(data: FileBytes, at: int) -> str:
    """Get the second field of the line of a position, or nothing."""
    return _shown(b"".join(line_from(data, data.rfind(b"\n", 0, at) + 1).split()[1:2]))


def _repeated(
    path: Path, number: int, query: str, document: str, first: int, subtopics: tuple[str, str] | None = None
) -> FileFormatError:
    expected = f"each document once in the list of query {query} (line {first} has it)"
    if subtopics:
        expected += (
            f"; the second column differs, {subtopics[1]} and {subtopics[0]}: subtopics of diversity judgments are not "
            "read here, keep one grade a document"
        )
    return FileFormatError(path, number, f"document {document} again", expected)


# -- line by line ------------------------------------------------------------------------------------------------------


def faults(path: Path, forms: tuple[LineForm, ...]) -> Iterator[tuple[str, FileFormatError]]:
    """Yield each fault of a file that `parse_file` refuses, in the order of the file, with the name of its kind.

    Checks line by line, which takes some seconds for a million lines. A file whose first line has no known form has one
    fault. Where fields may be separated in two ways, the faults are those of the way that leaves fewer.
    """
    data = map_bytes(path)
    try:
        layout = recognise(path, data, forms)
    except FileFormatError as error:
        yield "lines of no known form", error
        return
    found = [list(_faults(path, data, layout, tabs)) for tabs in layout.separators]
    yield from min(found, key=len)


def _faults(path: Path, data: FileBytes, layout: Layout, tabs: bool) -> Iterator[tuple[str, FileFormatError]]:
    form = layout.form
    seen: dict[tuple[bytes, bytes], int] = {}
    at, number = layout.start, line_number(data, layout.start)
    while at < len(data):
        line = line_from(data, at)
        fields = [line[start:end] for start, end in _fields(line, tabs)]
        if fields and not fields[0].startswith(b"#"):
            key = fields[0], fields[min(form.document, len(fields) - 1)]
            if fault := _fault_of(line, fields, form):
                kind, got, expected = fault
                yield kind, FileFormatError(path, number, _shown(got), expected)
            elif key in seen:
                query, document = (_shown(part) for part in key)
                yield "duplicate documents in a list", _repeated(path, number, query, document, seen[key])
            seen.setdefault(key, number)
        at, number = at + len(line) + 1, number + 1


def _look_closer(path: Path, data: FileBytes, form: LineForm, at: int, tabs: bool) -> tuple[int, float]:
    """Parse the line that begins at ``at``: span of its document, and value; `FileFormatError` for a malformed line."""
    line = line_from(data, at)
    places = _fields(line, tabs)
    fields = [line[start:end] for start, end in places]
    if fault := _fault_of(line, fields, form):
        _, got, expected = fault
        raise FileFormatError(path, line_number(data, at), _shown(got), expected)
    start, end = places[form.document]
    return (at + start) * WIDEST + end - start, float(fields[form.value])


def _fields(line: bytes, tabs: bool) -> list[tuple[int, int]]:
    """Split a line at white space, or at each tab without the blanks around: start and end of each field."""
    if not tabs:
        return [field.span() for field in re.finditer(rb"\S+", line)]
    places, at = [], 0
    for part in line.split(b"\t"):
        start = at + len(part) - len(part.lstrip())
        places.append((start, start + len(part.strip())))
        at += len(part) + 1
    return places if line.strip() else []


def _fault_of(line: bytes, fields: list[bytes], form: LineForm) -> tuple[str, bytes, str] | None:
    """Find the fault of a line: its kind, what was got and what was expected; None for a well-formed line."""
    if len(fields) != len(form.fields) or b"\0" in line or not (fields[0] and fields[form.document]):
        hint = "; only fields separated by tabs may hold blanks" if len(fields) > len(form.fields) else ""
        return "malformed lines", b" ".join(fields), f"{form}{hint}"
    if max(len(fields[0]), len(fields[form.document])) >= WIDEST:
        return "ids that are too long", line, f"ids of less than {WIDEST:,} bytes"
    try:
        fields[0].decode(), fields[form.document].decode()
    except UnicodeDecodeError:
        return "ids that are not UTF-8", line, "text in UTF-8"
    return _fault_of_value(fields[form.value], form)


def _fault_of_value(text: bytes, form: LineForm) -> tuple[str, bytes, str] | None:
    value = _number(text)
    if value is None or (form.whole and not value.is_integer()) or (not form.whole and abs(value) >= form.largest):
        return f"values that are not {form.value_means}", text, f"{form.value_means} in '{' '.join(form.fields)}'"
    if form.whole and abs(value) > form.largest:
        expected = f"{form.value_means} from -{form.largest:,} to {form.largest:,}, all of which are held exactly"
        return f"values too large for {form.value_means}", text, expected
    return None


def _number(text: bytes) -> float | None:
    """Parse a finite number; None for other text."""
    if b"_" in text:  # Python reads 1_000 as a number; other readers do not
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def line_from(data: FileBytes, at: int) -> bytes:
    """Get the bytes from a position to the end of its line."""
    end = data.find(b"\n", at)
    return bytes(data[at : end if end >= 0 else len(data)])


def line_number(data: FileBytes, at: int) -> int:
    """Number the line of a position, from 1."""
    return 1 + int((np.frombuffer(data, np.uint8, at) == ord("\n")).sum()) if at else 1


def _shown(raw: bytes) -> str:
    return raw.decode(errors="backslashreplace")
