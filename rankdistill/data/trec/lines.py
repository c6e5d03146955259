"""The lines of TREC files: kernels parse them, and Python checks one by one those that a kernel does not accept."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
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
from rankdistill.data.trec.kernels import OVERFLOW, WIDEST, copy_spans, count_lines, parse_lines, pieces
from rankdistill.errors import FileFormatError
from rankdistill.files.reading import BYTE_ORDER_MARK, FileBytes, map_bytes

PIECE = 1 << 18  # bytes; a kernel's results for a piece of this size fit in a core's cache


@dataclass(frozen=True)
class LineForm:
    """A form of line: the names of its fields, the positions of document and value, and what the value may be."""

    fields: tuple[str, ...]
    document: int
    value: int
    whole: bool
    value_means: str
    sign: int = 1

    def __str__(self) -> str:
        return f"{len(self.fields)} fields '{' '.join(self.fields)}'"


TREC_RUN = LineForm(("qid", "Q0", "docid", "rank", "score", "tag"), 2, 4, False, "a finite float32 score")
MSMARCO_RUN = LineForm(("qid", "docid", "rank"), 1, 2, True, "an integer rank", sign=-1)
TREC_QRELS = LineForm(("qid", "0", "docid", "grade"), 2, 3, True, "an integer grade")
BEIR_QRELS = LineForm(("query-id", "corpus-id", "score"), 1, 2, True, "an integer grade")
RANKS = replace(TREC_RUN, value=TREC_RUN.fields.index("rank"), whole=True, value_means="an integer rank")
RUNS, QRELS = (TREC_RUN, MSMARCO_RUN), (TREC_QRELS, BEIR_QRELS)


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


def recognise(path: Path, data: FileBytes, forms: tuple[LineForm, ...]) -> tuple[LineForm, int]:
    """Recognise the form of the first line that is neither blank nor a comment, and where parsing begins.

    It begins behind the byte order mark and BEIR's header. Raises `FileFormatError` where no form fits.
    """
    expected = " or ".join(map(str, forms))
    start = len(BYTE_ORDER_MARK) if data[:3] == BYTE_ORDER_MARK else 0
    at = start
    while at < len(data):
        end = data.find(b"\n", at) + 1 or len(data)
        fields = bytes(data[at:end]).split()
        if fields and not fields[0].startswith(b"#"):
            for form in forms:
                if len(fields) == len(form.fields):
                    header = form is BEIR_QRELS and fields == [name.encode() for name in form.fields]
                    return form, end if header else start
            raise FileFormatError(path, _line_number(data, at), _shown(b" ".join(fields)), expected)
        at = end
    raise FileFormatError(path, 1, "a file without lines", expected)


def parse(path: Path, data: FileBytes, form: LineForm, start: int, dtype: Any = np.float32) -> GroupedLines:
    """Parse ``data[start:]``, every line of one form; raises `FileFormatError` for the first that is not."""
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
        view, bounds, first_rows, len(form.fields), form.document, form.value, form.whole, queries, documents, values
    )
    queries, documents, values = (_joined(array, first_rows, ends) for array in (queries, documents, values))
    if not len(values):  # blank lines and comments
        raise FileFormatError(path, 1, "a file with no lines but its header", str(form))
    for row in np.flatnonzero(np.isnan(values)):
        documents[row], values[row] = _look_closer(path, data, form, int(documents[row] // WIDEST))
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
    _check_unique(path, data, documents, codes.dictionary, offsets, doc_ids)
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
            line = _line_from(data, data.rfind(b"\n", 0, begin) + 1).removeprefix(BYTE_ORDER_MARK)
            raise FileFormatError(path, _line_number(data, begin), _shown(line), "text in UTF-8") from None


def _check_unique(
    path: Path, data: FileBytes, documents: I64, query_ids: pa.Array, offsets: I64, doc_ids: pa.Array
) -> None:
    first = repeated_rows(offsets, *id_bytes(doc_ids))
    repeated = np.flatnonzero(first >= 0)
    if not repeated.size:
        return
    row = int(repeated[np.argmin(documents[repeated])])
    query = int(np.searchsorted(offsets, row, side="right")) - 1
    number, first_number = (_line_number(data, int(documents[i] // WIDEST)) for i in (row, first[row]))
    raise _repeated(path, number, query_ids[query].as_py(), doc_ids[row].as_py(), first_number)


def _repeated(path: Path, number: int, query: str, document: str, first: int) -> FileFormatError:
    expected = f"each document once in the list of query {query} (line {first} has it)"
    return FileFormatError(path, number, f"document {document} again", expected)


# -- line by line ------------------------------------------------------------------------------------------------------


def faults(path: Path, forms: tuple[LineForm, ...]) -> Iterator[tuple[str, FileFormatError]]:
    """Yield each fault of a file that `parse` refuses, in the order of the file, with the name of its kind.

    Checks line by line, which takes some seconds for a million lines. A file whose first line has no known form has one
    fault.
    """
    data = map_bytes(path)
    try:
        form, start = recognise(path, data, forms)
    except FileFormatError as error:
        yield "lines of no known form", error
        return
    seen: dict[tuple[bytes, bytes], int] = {}
    at, number = start, _line_number(data, start)
    while at < len(data):
        line = _line_from(data, at)
        fields = line.split()
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


def _look_closer(path: Path, data: FileBytes, form: LineForm, at: int) -> tuple[int, float]:
    """Parse the line that begins at ``at``: span of its document, and value; `FileFormatError` for a malformed line."""
    line = _line_from(data, at)
    fields = list(re.finditer(rb"\S+", line))
    if fault := _fault_of(line, [field.group() for field in fields], form):
        _, got, expected = fault
        raise FileFormatError(path, _line_number(data, at), _shown(got), expected)
    document, value = fields[form.document], fields[form.value].group()
    return (at + document.start()) * WIDEST + document.end() - document.start(), (int if form.whole else float)(value)


def _fault_of(line: bytes, fields: list[bytes], form: LineForm) -> tuple[str, bytes, str] | None:
    """Find the fault of a line: its kind, what was got and what was expected; None for a well-formed line."""
    if len(fields) != len(form.fields) or b"\0" in line:
        return "malformed lines", b" ".join(fields), str(form)
    if max(len(fields[0]), len(fields[form.document])) >= WIDEST:
        return "ids that are too long", line, f"ids of less than {WIDEST:,} bytes"
    try:
        fields[0].decode(), fields[form.document].decode()
    except UnicodeDecodeError:
        return "ids that are not UTF-8", line, "text in UTF-8"
    if _number(fields[form.value], form.whole) is None:
        kind = f"values that are not {form.value_means}"
        return kind, fields[form.value], f"{form.value_means} in '{' '.join(form.fields)}'"
    return None


def _number(text: bytes, whole: bool) -> float | None:
    """Parse a value; None where the text is not what the form expects."""
    if b"_" in text:  # Python reads 1_000 as a number; other readers do not
        return None
    try:
        value = int(text) if whole else float(text)
    except ValueError:
        return None
    return value if abs(value) < OVERFLOW else None


def _line_from(data: FileBytes, at: int) -> bytes:
    end = data.find(b"\n", at)
    return bytes(data[at : end if end >= 0 else len(data)])


def _line_number(data: FileBytes, at: int) -> int:
    return 1 + int((np.frombuffer(data, np.uint8, at) == ord("\n")).sum()) if at else 1


def _shown(raw: bytes) -> str:
    return raw.decode(errors="backslashreplace")
