"""Candidates as TREC runs and qrels, plain or gzipped."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.data.candidates import Candidates
from rankdistill.errors import DataError, UsageError
from rankdistill.files.atomic import atomic_path

ROWS_PER_WRITE = 1 << 20


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
