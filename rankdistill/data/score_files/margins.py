"""Margin-MSE's teacher scores: lines ``pos_score neg_score qid pos_pid neg_pid``, two scored pairs each.

A pair stands in many lines. Scores that a teacher gave it in other batches differ by a little; the first one counts.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from rankdistill.data.candidates import as_ids
from rankdistill.data.kernels.ids import take_ids
from rankdistill.data.score_files.forms import as_number
from rankdistill.data.score_files.lists import Part, odd_part
from rankdistill.data.sources.rows import text_lines
from rankdistill.data.trec.kernels import pieces
from rankdistill.errors import FileFormatError
from rankdistill.files.reading import FileBytes

TITLE = "Margin-MSE's triples with two scores"
FIELDS = ("pos_score", "neg_score", "qid", "pos_pid", "neg_pid")
NAMES = {
    "pos_score": ("pos_score", "positive_score", "score_pos"),
    "neg_score": ("neg_score", "negative_score", "score_neg"),
    "qid": ("qid", "query_id", "query-id"),
    "pos_pid": ("pos_pid", "pos_id", "pos_docid", "pos_doc_id", "positive_id", "pos_passage_id", "doc_pos_id"),
    "neg_pid": ("neg_pid", "neg_id", "neg_docid", "neg_doc_id", "negative_id", "neg_passage_id", "doc_neg_id"),
}
TEXTS = ("query", "query_text", "pos_text", "neg_text", "pos", "neg")
EXPECTED = "5 fields 'pos_score neg_score qid pos_pid neg_pid', the first two finite float32 numbers"
PIECE = 1 << 25


@dataclass(frozen=True)
class Columns:
    """How the lines of a file are divided: positions of the five fields, the separator, and where the lines begin."""

    order: tuple[int, ...]
    tabs: bool
    start: int


def columns_of(path: Path, data: FileBytes, start: int) -> Columns | None:
    """Recognise the lines by the first one, which may be a header; None for other files.

    Raises `FileFormatError` for a header that names texts instead of ids.
    """
    end = data.find(b"\n", start) + 1 or len(data)
    line = bytes(data[start:end]).decode(errors="replace").rstrip("\r\n")
    tabs = "\t" in line
    fields = [field.strip() for field in line.split("\t")] if tabs else line.split()
    lowered = [field.lower() for field in fields]
    found = [next((lowered.index(name) for name in NAMES[field] if name in lowered), -1) for field in FIELDS]
    if found[0] >= 0 and found[1] >= 0:
        if min(found) < 0 and not set(TEXTS).isdisjoint(lowered):
            raise FileFormatError(path, 1, line, f"ids of query and passages, not their texts: {EXPECTED}")
        if min(found) < 0 or len(fields) != len(FIELDS):
            raise FileFormatError(path, 1, line, EXPECTED)
        return Columns(tuple(found), tabs, end)
    if len(fields) == len(FIELDS) and all(_number(field) is not None for field in fields[:2]):
        return Columns(tuple(range(len(FIELDS))), tabs, start)
    return None


def margin_parts(path: Path, data: FileBytes, columns: Columns) -> Iterator[Part]:
    """Yield the pairs of a file's lines, as lists of one document, a piece of the file at a time.

    Raises `FileFormatError` with file and line for a malformed line.
    """
    n_lines = 1 + bytes(data[: columns.start]).count(b"\n")
    at = 0
    for begin, end in itertools.pairwise(pieces(data, columns.start, PIECE).tolist()):
        piece = bytes(data[begin:end])
        part = _by_arrow(piece, columns)
        if part is None:
            part = _by_python(path, piece, n_lines, columns)
        if part is not None:
            yield Part(part.queries, part.sizes, part.documents, part.scores, part.entries + at)
            at += len(part.queries) // 2
        n_lines += piece.count(b"\n")


def _part(scores: list[Any], queries: pa.Array, documents: list[pa.Array]) -> Part:
    """Make two lists of one document of each line, in the order of the lines."""
    n = len(queries)
    in_turn = np.arange(2 * n).reshape(2, n).T.ravel()
    values = np.concatenate([np.asarray(each, np.float64) for each in scores])[in_turn]
    ids = take_ids(pa.concat_arrays(documents), in_turn)
    lines = np.repeat(np.arange(n), 2)
    return Part(take_ids(queries, lines), np.ones(2 * n, np.int64), ids, values, lines)


def _by_arrow(piece: bytes, columns: Columns) -> Part | None:
    """Parse a piece whose fields are separated by single tabs; None where Python must."""
    if not columns.tabs or b"\0" in piece or b"\r" in piece.replace(b"\r\n", b"\n"):
        return None
    names = [str(place) for place in range(len(FIELDS))]
    ids = {names[place] for place in columns.order[2:]}
    try:
        table = pa.csv.read_csv(
            io.BytesIO(piece),
            pa.csv.ReadOptions(column_names=names),
            pa.csv.ParseOptions(delimiter="\t", quote_char=False),
            pa.csv.ConvertOptions(
                column_types={name: pa.large_string() if name in ids else pa.float64() for name in names},
                null_values=[],
            ),
        )
        table.validate(full=True)
    except pa.ArrowException:
        return None
    fields = [table[names[place]] for place in columns.order]
    query, positive, negative = (as_ids(pc.utf8_trim_whitespace(field)) for field in fields[2:])
    scores = [field.to_numpy() for field in fields[:2]]
    part = _part(scores, query, [positive, negative])
    return None if odd_part(part) else part


def _by_python(path: Path, piece: bytes, first: int, columns: Columns) -> Part | None:
    """Parse a piece line by line; ``first`` is the number of its first line; None where all lines are blank."""
    rows = []
    for number, line in text_lines(path, piece, first):
        fields = [field.strip() for field in line.split("\t")] if columns.tabs else line.split()
        row = [fields[place] for place in columns.order] if len(fields) == len(FIELDS) else []
        scores = [_number(field) for field in row[:2]]
        if not row or None in scores or not all(row[2:]) or "\0" in line:
            raise FileFormatError(path, number, line, EXPECTED)
        rows.append((*scores, *row[2:]))
    if not rows:
        return None
    positive, negative, *ids = zip(*rows, strict=True)
    query, relevant, other = (as_ids(list(each)) for each in ids)
    return _part([positive, negative], query, [relevant, other])


def _number(text: str) -> float | None:
    """Parse a finite float32 number; None for other text."""
    if "_" in text or not text.isascii():
        return None
    try:
        return as_number(float(text))
    except ValueError:
        return None
