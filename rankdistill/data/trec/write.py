"""Write candidates as TREC runs and qrels, plain or gzipped."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.data.candidates import Candidates
from rankdistill.errors import DataError, UsageError
from rankdistill.files.atomic import atomic_file

ROWS_PER_WRITE = 1 << 20
WHITE_SPACE_BUT_BLANKS = (
    r"[\t-\r\x00\x1c-\x1f\x{85}\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}]"
)


def write_run(candidates: Candidates, path: str | Path, by: str, tag: str = "rankdistill") -> None:
    """Write ``qid Q0 docid rank score tag`` ranked by the column ``by``, ranks from 1, ties as trec_eval breaks them.

    A score reads back as the same float32. A file whose name ends in ``.gz`` is gzipped, with the same bytes each time.
    Where an id holds a blank, fields are separated by tabs, with a warning, as few other tools read that. Raises
    `DataError` for a missing score, an id with other white space, or when there is nothing to write.
    """
    if not re.fullmatch(r"\S+", tag):
        raise UsageError(f"the tag of a run is one word, got {tag!r}")
    separator = _check_writable(candidates, by, "score", path)
    ranked = candidates.ranked(by)
    rank = np.arange(len(ranked)) - ranked.offsets[:-1][ranked.query_of_row] + 1

    def lines(rows: slice) -> pa.Array:
        queries = ranked.query_ids.take(pa.array(ranked.query_of_row[rows]))
        ranks = pa.array(rank[rows]).cast(pa.large_string())
        scores = _exact_text(ranked[by][rows])
        return _lines(separator, queries, "Q0", ranked.doc_ids[rows], ranks, scores, tag)

    _write(path, (lines(rows) for rows in _slices(len(ranked))))


def write_qrels(qrels: Candidates, path: str | Path, by: str = "label") -> None:
    """Write ``qid 0 docid grade`` in the order of the rows; gzipped where the name ends in ``.gz``.

    Ids with blanks are written as by `write_run`. Raises `DataError` for a label that is missing or not an integer, an
    id with other white space, or when there is no row.
    """
    separator = _check_writable(qrels, by, "label", path)
    labels = qrels[by]
    fractional = np.flatnonzero(labels != np.rint(labels))
    if fractional.size:
        raise DataError(
            f"label {labels[fractional[0]]} of {qrels.pair_at(fractional[0])} is not an integer; qrels hold grades"
        )

    def lines(rows: slice) -> pa.Array:
        queries = qrels.query_ids.take(pa.array(qrels.query_of_row[rows]))
        grades = pa.array(labels[rows].astype(np.int64)).cast(pa.large_string())
        return _lines(separator, queries, "0", qrels.doc_ids[rows], grades)

    _write(path, (lines(rows) for rows in _slices(len(qrels))))


def _check_writable(candidates: Candidates, by: str, meaning: str, path: str | Path) -> str:
    """Return the separator of fields, a blank, or a tab where an id holds a blank, which is warned of.

    Raises `DataError` for values and ids that a reader of the file could not parse.
    """
    values = candidates[by]
    if not len(candidates):
        raise DataError("there are no candidates to write: a file without lines is not a run and not qrels")
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise DataError(
            f"{meaning} {values[bad[0]]} in column {by!r} of {candidates.pair_at(bad[0])} ({bad.size} such rows): "
            "drop these rows with take_rows, or fill them, before writing"
        )
    separator = " "
    for kind, ids in (("query", candidates.query_ids), ("document", candidates.doc_ids)):
        # All but blanks inside an id that some reader of such files treats as white space, or `read_run` as a comment.
        odd = pc.match_substring_regex(ids, WHITE_SPACE_BUT_BLANKS + r"|^ | $|^$" + (r"|^#" if kind == "query" else ""))
        if pc.any(odd).as_py():
            shown = ids.filter(odd)[0].as_py()
            raise DataError(
                f"{kind} id {shown!r} cannot be in a TREC file, whose fields are separated by white space and whose "
                "comments begin with '#': rename it"
            )
        blank = pc.match_substring(ids, " ")
        if separator == " " and pc.any(blank).as_py():
            separator = "\t"
            warnings.warn(
                f"{kind} id {ids.filter(blank)[0].as_py()!r} holds a blank, so the fields of {path} are separated by "
                "tabs, which few other tools expect",
                stacklevel=3,
            )
    return separator


def _exact_text(scores: Any) -> pa.Array:
    """Write the shortest decimals that read back as the same float32, also by way of a float64 (trec_eval's atof)."""
    text = pa.array(scores).cast(pa.large_string())
    read_back = text.cast(pa.float64()).to_numpy().astype(np.float32)
    off = read_back != scores
    if off.any():
        exact = pa.array([repr(float(x)) for x in scores[off]], pa.large_string())
        text = pc.replace_with_mask(text, pa.array(off), exact)
    return text


def _lines(separator: str, *fields: pa.Array | str) -> pa.Array:
    """Join the fields of each row by the separator, with a line end."""
    parts = [pa.scalar(field, pa.large_string()) if isinstance(field, str) else field for field in fields]
    between, nothing, line_end = (pa.scalar(text, pa.large_string()) for text in (separator, "", "\n"))
    return pc.binary_join_element_wise(pc.binary_join_element_wise(*parts, between), nothing, line_end)


def _slices(n: int) -> Iterator[slice]:
    return (slice(start, min(start + ROWS_PER_WRITE, n)) for start in range(0, n, ROWS_PER_WRITE))


def _write(path: str | Path, parts: Iterator[pa.Array]) -> None:
    """Write the text of the parts."""
    with atomic_file(path) as file:
        for lines in parts:
            _, ends, text = lines.buffers()  # an Arrow string array keeps its strings concatenated
            file.write(memoryview(text)[: np.frombuffer(ends, np.int64)[len(lines)]])
