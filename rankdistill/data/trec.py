"""TREC runs and qrels as Candidates: what people see of scores and labels, plain or gzipped.

A line's fields stand apart by tabs or spaces; blank lines and lines that begin with ``#`` are skipped. A file is parsed
as a whole by Arrow; whatever Arrow does not take is read again line by line, which says what is wrong and where.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from rankdistill.data.atomic import atomic_path
from rankdistill.data.candidates import Candidates
from rankdistill.errors import DataError, FileFormatError, UsageError

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
OVERFLOW = (2 - 2**-24) * 2.0**127  # the least magnitude that rounds to an infinite float32
ROWS_PER_WRITE = 1 << 20


@dataclass(frozen=True)
class LineForm:
    """One form of line: the names of its fields, where the value stands and what it may be."""

    fields: tuple[str, ...]
    document: int
    value: int
    arrow_type: pa.DataType
    value_means: str
    sign: int = 1

    def __str__(self) -> str:
        return f"{len(self.fields)} fields '{' '.join(self.fields)}'"


TREC_RUN = LineForm(("qid", "Q0", "docid", "rank", "score", "tag"), 2, 4, pa.float64(), "a finite float32 score")
MSMARCO_RUN = LineForm(("qid", "docid", "rank"), 1, 2, pa.int64(), "an integer rank", sign=-1)
TREC_QRELS = LineForm(("qid", "0", "docid", "grade"), 2, 3, pa.int64(), "an integer grade")
BEIR_QRELS = LineForm(("query-id", "corpus-id", "score"), 1, 2, pa.int64(), "an integer grade")


def read_run(path: str | Path, column: str = "score") -> Candidates:
    """Read a run, each query's documents ranked by (score descending, document id descending) as trec_eval does.

    Takes TREC lines ``qid Q0 docid rank score tag`` (the rank is ignored) and MS MARCO lines ``qid docid rank``, whose
    score is ``-rank``; the first line decides. Scores are float32. Queries stand in order of first appearance.
    Raises `FileFormatError` with file and line for a malformed line, a score that is no finite number or a document
    that stands twice in a query's list.
    """
    return _read(Path(path), column, (TREC_RUN, MSMARCO_RUN)).ranked(column)


def read_qrels(path: str | Path) -> Candidates:
    """Read relevance judgments into the column "label", rows in the order of the file.

    Takes TREC lines ``qid 0 docid grade`` and BEIR's three columns ``query-id corpus-id score`` with or without header;
    the first line decides. Grades are integers. Raises as `read_run` does.
    """
    return _read(Path(path), "label", (TREC_QRELS, BEIR_QRELS))


def write_run(candidates: Candidates, path: str | Path, by: str, tag: str = "rankdistill") -> None:
    """Write ``qid Q0 docid rank score tag`` ranked by the column ``by``, ranks from 1, ties as trec_eval breaks them.

    A score reads back as the same float32. A name that ends in ``.gz`` is gzipped, the same bytes each time.
    Raises `DataError` for a missing score, an id with white space, or when there is nothing to write.
    """
    if not re.fullmatch(r"\S+", tag):
        raise UsageError(f"the tag of a run is one word, got {tag!r}")
    _check_writable(candidates, by, "score")
    ranked = candidates.ranked(by)
    rank = np.arange(len(ranked)) - ranked.offsets[:-1][ranked.query_of_row] + 1

    def lines(rows: slice) -> pa.Array:
        queries = ranked.query_ids.take(pa.array(ranked.query_of_row[rows]))
        ranks = pa.array(rank[rows]).cast(pa.large_string())
        return _lines(queries, "Q0", ranked.doc_ids[rows], ranks, _exact_text(ranked[by][rows]), tag)

    _write(path, (lines(rows) for rows in _slices(len(ranked))))


def write_qrels(qrels: Candidates, path: str | Path, by: str = "label") -> None:
    """Write ``qid 0 docid grade`` in the order of the rows; gzipped where the name ends in ``.gz``.

    Raises `DataError` for a label that is missing or no integer, an id with white space, or when there is no row.
    """
    _check_writable(qrels, by, "label")
    labels = qrels[by]
    fractional = np.flatnonzero(labels != np.rint(labels))
    if fractional.size:
        raise DataError(
            f"label {labels[fractional[0]]} of {_pair(qrels, fractional[0])} is no integer; qrels hold grades"
        )

    def lines(rows: slice) -> pa.Array:
        queries = qrels.query_ids.take(pa.array(qrels.query_of_row[rows]))
        return _lines(
            queries, "0", qrels.doc_ids[rows], pa.array(labels[rows].astype(np.int64)).cast(pa.large_string())
        )

    _write(path, (lines(rows) for rows in _slices(len(qrels))))


# -- reading -----------------------------------------------------------------------------------------------------------


def read_bytes(path: Path) -> bytes:
    """Read a whole file, decompressed where its name ends in ``.gz``; `DataError` or `FileFormatError` on failure."""
    parts: list[bytes] = []
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            while part := file.read(1 << 20):
                parts.append(part)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        line = 1 + sum(part.count(b"\n") for part in parts)
        raise FileFormatError(path, line, str(error), "intact gzip data, as the name ends in .gz") from error
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}") from error
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    return b"".join(parts).removeprefix(BYTE_ORDER_MARK)


def _read(path: Path, column: str, forms: tuple[LineForm, ...]) -> Candidates:
    data = read_bytes(path)
    form, header = _recognise(path, data, forms)
    try:
        return _group(_parse_whole(data, form, header), column, form)
    except (pa.ArrowInvalid, DataError):
        return _group(_parse_lines(path, data, form, header), column, form)


def _group(rows: tuple[Any, Any, Any], column: str, form: LineForm) -> Candidates:
    queries, documents, values = rows
    return Candidates.from_rows(queries, documents, {column: (np.asarray(values) * form.sign).astype(np.float32)})


def _recognise(path: Path, data: bytes, forms: tuple[LineForm, ...]) -> tuple[LineForm, bool]:
    """The form of the first line that says something, and whether that line is BEIR's header."""
    expected = " or ".join(map(str, forms))
    for line, fields in _lines_of_fields(data):
        for form in forms:
            if len(fields) == len(form.fields):
                return form, form is BEIR_QRELS and fields == [name.encode() for name in form.fields]
        raise FileFormatError(path, line, _shown(b" ".join(fields)), expected)
    raise FileFormatError(path, 1, "a file without lines", expected)


def _lines_of_fields(data: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """Number and fields of each line that is neither blank nor a comment."""
    for number, line in enumerate(io.BytesIO(data), start=1):
        if (fields := line.split()) and not fields[0].startswith(b"#"):
            yield number, fields


def _parse_whole(data: bytes, form: LineForm, header: bool) -> tuple[Any, Any, Any]:
    """Query ids, document ids and values by Arrow; `ArrowInvalid` for anything but plain good lines."""
    data = data.translate(bytes.maketrans(b"\t", b" "))
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n")
    if any(odd in data for odd in (b"  ", b" \n", b"\n ")) or data.startswith(b" ") or data.endswith(b" "):
        data = re.sub(rb" *\n *", b"\n", re.sub(rb"  +", b" ", data)).strip(b" ")
    if b"#" in data:
        data = re.sub(rb"(?m)^#.*\n?", b"", data)
    data = data.lstrip(b"\n")
    if any(odd in data for odd in (b"\r", b"\v", b"\f", b"\0")):
        raise pa.ArrowInvalid("white space that Arrow would take as part of a field")
    names = [str(i) for i in range(len(form.fields))]
    kept = ["0", str(form.document), str(form.value)]
    table = pa.csv.read_csv(
        pa.py_buffer(data),
        pa.csv.ReadOptions(column_names=names, skip_rows=int(header), block_size=1 << 24),
        pa.csv.ParseOptions(delimiter=" ", quote_char=False, newlines_in_values=False),
        pa.csv.ConvertOptions(
            column_types={kept[0]: pa.large_string(), kept[1]: pa.large_string(), kept[2]: form.arrow_type},
            include_columns=kept,
            null_values=[],
        ),
    )
    values = table[kept[2]].to_numpy()
    if not len(values) or not (np.abs(values) < OVERFLOW).all():
        raise pa.ArrowInvalid("no values, or one that is no finite float32")
    return table[kept[0]], table[kept[1]], values


def _parse_lines(path: Path, data: bytes, form: LineForm, header: bool) -> tuple[list[str], list[str], list[float]]:
    """The same as `_parse_whole` line by line, with every fault named by file and line."""
    queries, documents, values = [], [], []
    seen: dict[tuple[str, str], int] = {}
    lines = _lines_of_fields(data)
    if header:
        next(lines)
    for number, raw in lines:
        try:
            fields = [field.decode() for field in raw]
        except UnicodeDecodeError:
            raise FileFormatError(path, number, _shown(b" ".join(raw)), "text in UTF-8") from None
        if len(fields) != len(form.fields) or "\0" in "".join(fields):
            raise FileFormatError(path, number, _shown(b" ".join(raw)), str(form))
        query, document, text = fields[0], fields[form.document], fields[form.value]
        value = _number(text, form)
        if value is None:
            raise FileFormatError(path, number, text, f"{form.value_means} in '{' '.join(form.fields)}'")
        if (query, document) in seen:
            _raise_duplicate(path, number, query, document, seen[query, document])
        seen[query, document] = number
        queries.append(query)
        documents.append(document)
        values.append(value)
    if not queries:
        raise FileFormatError(path, 1, "a file without lines but its header", str(form))
    return queries, documents, values


def _number(text: str, form: LineForm) -> float | None:
    """The value, or None where the text is not what the form asks for."""
    if "_" in text:  # Python takes 1_000 as a number; nobody else does
        return None
    try:
        value = int(text) if form.arrow_type == pa.int64() else float(text)
    except ValueError:
        return None
    return value if abs(value) < OVERFLOW else None


def _raise_duplicate(path: Path, number: int, query: str, document: str, first: int) -> NoReturn:
    raise FileFormatError(
        path,
        number,
        f"document {document} again",
        f"each document once in the list of query {query} (line {first} has it)",
    )


def _shown(raw: bytes) -> str:
    return raw.decode(errors="backslashreplace")


# -- writing -----------------------------------------------------------------------------------------------------------


def _pair(candidates: Candidates, row: int) -> str:
    query = candidates.query_ids[int(candidates.query_of_row[row])].as_py()
    return f"query {query!r}, document {candidates.doc_ids[int(row)].as_py()!r}"


def _check_writable(candidates: Candidates, by: str, meaning: str) -> None:
    """Refuse what a reader of the file could not take."""
    values = candidates[by]
    if not len(candidates):
        raise DataError("there are no candidates to write: a file without lines is no run and no qrels")
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise DataError(
            f"{meaning} {values[bad[0]]} in column {by!r} of {_pair(candidates, bad[0])} ({bad.size} such rows): "
            "drop these rows with take_rows, or fill them, before writing"
        )
    for kind, ids in (("query", candidates.query_ids), ("document", candidates.doc_ids)):
        # Whatever some reader of such files takes as white space, and what this one takes as a comment.
        odd = pc.match_substring_regex(
            ids, r"[\s\x0b\x00\x1c-\x1f\x{85}\p{Z}]|^$" + (r"|^#" if kind == "query" else "")
        )
        if pc.any(odd).as_py():
            shown = ids.filter(odd)[0].as_py()
            raise DataError(
                f"{kind} id {shown!r} cannot stand in a TREC file, whose fields are set apart by white space and whose "
                "comments begin with '#': rename it"
            )


def _exact_text(scores: Any) -> pa.Array:
    """Shortest decimals that read back as the same float32, through a float64 too (as trec_eval's atof does)."""
    text = pa.array(scores).cast(pa.large_string())
    read_back = text.cast(pa.float64()).to_numpy().astype(np.float32)
    off = read_back != scores
    if off.any():
        exact = pa.array([repr(float(x)) for x in scores[off]], pa.large_string())
        text = pc.replace_with_mask(text, pa.array(off), exact)
    return text


def _lines(*fields: pa.Array | str) -> pa.Array:
    """The rows as lines of text: their fields joined by blanks, and a line end."""
    parts = [pa.scalar(field, pa.large_string()) if isinstance(field, str) else field for field in fields]
    blank, nothing, line_end = (pa.scalar(text, pa.large_string()) for text in (" ", "", "\n"))
    return pc.binary_join_element_wise(pc.binary_join_element_wise(*parts, blank), nothing, line_end)


def _slices(n: int) -> Iterator[slice]:
    return (slice(start, min(start + ROWS_PER_WRITE, n)) for start in range(0, n, ROWS_PER_WRITE))


def _write(path: str | Path, parts: Iterator[pa.Array]) -> None:
    """Write the text of the parts; a gzip header without time and name keeps equal contents equal in bytes."""
    with atomic_path(path) as temporary, temporary.open("wb") as raw:
        zipped = Path(path).suffix == ".gz"
        with gzip.GzipFile("", "wb", fileobj=raw, mtime=0, compresslevel=6) if zipped else raw as file:
            for lines in parts:
                _, ends, text = lines.buffers()  # an Arrow string array keeps its strings one after the other
                file.write(memoryview(text)[: np.frombuffer(ends, np.int64)[len(lines)]])
