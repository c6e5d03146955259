"""Read TREC runs and qrels, plain or gzipped, as Candidates.

Fields are separated by white space; blank lines and lines that begin with ``#`` are skipped.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from rankdistill.arrays import I64, Floats
from rankdistill.data.candidates import Candidates, Ties, check_ties
from rankdistill.data.kernels.ids import id_bytes, take_ids
from rankdistill.data.kernels.ranks import TIES, in_order, ranked_rows
from rankdistill.data.parts import read_parts
from rankdistill.data.trec.lines import QRELS, RANKS, RUNS, TREC_RUN, GroupedLines, parse, recognise
from rankdistill.files.reading import map_bytes
from rankdistill.progress import first_use


def read_run(path: str | Path, column: str = "score", *, ties: Ties = "trec") -> Candidates:
    """Read a run into one column of float32 scores, each query's documents ranked by falling score.

    Takes TREC lines ``qid Q0 docid rank score tag`` and MS MARCO lines ``qid docid rank``, whose score is ``-rank``;
    the first line decides. Queries keep the order of their first appearance. A folder is read as a run in parts.

    ties: "trec" puts the larger document id first, in byte order, as trec_eval does; "docid-asc" the smaller, as
    ir_measures' ``RR@k``; "rank" the smaller rank in the file, whose rank column plays no other part.
    Raises `FileFormatError` with file and line for a malformed line, a score that is no finite number or a duplicate
    document in a query's list.

    >>> import tempfile, rankdistill as rd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "bm25.trec"
    ...     _ = path.write_text("q1 Q0 d1 1 7.5 bm25\\nq1 Q0 d2 2 6 bm25\\n")
    ...     run = rd.read_run(path)
    >>> run["score"].tolist()
    [7.5, 6.0]
    """
    check_ties(ties)
    path = Path(path)
    if path.is_dir():
        return read_parts(path, column).ranked(column, ties)
    rows = _ranked_file(path, ties, np.float32)
    return rows.candidates({column: rows.values})


def read_ranking(path: str | Path, column: str = "ranking", *, ties: Ties = "trec") -> Candidates:
    """Read a run's ranking by its scores as doubles, as trec_eval 10 compares them, without the scores themselves.

    The column, being float32, cannot hold the doubles. It holds -1 for a query's highest score, -2 for the next lower
    one, and so on; equal scores have equal values. Arguments and errors as in `read_run`.
    """
    check_ties(ties)
    path = Path(path)
    if path.is_dir():
        run = read_parts(path, column).ranked(column, ties)
        return run.with_columns({column: -_places(run[column], run.offsets)})
    rows = _ranked_file(path, ties, np.float64)
    return rows.candidates({column: -_places(rows.values, rows.offsets)})


def _ranked_file(path: Path, ties: Ties, dtype: Any) -> GroupedLines:
    """Read the lines of a run, each query's by falling score, which is of this dtype."""
    _load_kernels()
    data = map_bytes(path)
    form, start = recognise(path, data, RUNS)
    lines = parse(path, data, form, start, dtype)
    if ties == "rank" and form is TREC_RUN:
        lines = _ranked(lines, -parse(path, data, RANKS, start).values, "rank")
    lines = replace(lines, values=lines.values * form.sign)
    return _ranked(lines, lines.values, ties)


@cache
def _load_kernels() -> None:
    """Load or compile the kernels, before a progress bar estimates the time left."""
    with first_use("the kernels that read runs"):
        rows = parse(Path("sample"), b"q Q0 a 1 1 t\nq Q0 b 2 2 t\n", TREC_RUN, 0)
        _ranked(rows, rows.values, "trec")


def read_ranks(path: str | Path) -> Candidates:
    """Read the ranks of a TREC run, which evaluation ignores, into the column "rank", rows by rising rank.

    Raises `FileFormatError` as `read_run` does, and for a rank that is no integer.
    """
    path = Path(path)
    data = map_bytes(path)
    _, start = recognise(path, data, (RANKS,))
    rows = parse(path, data, RANKS, start)
    rows = _ranked(replace(rows, values=-rows.values), -rows.values, "rank")
    return rows.candidates({"rank": -rows.values})


def _ranked(rows: GroupedLines, by: Floats, ties: Ties) -> GroupedLines:
    """Sort each query's rows by falling ``by``, float (N,)."""
    how = (by, rows.offsets, *id_bytes(rows.doc_ids), TIES[ties])
    if in_order(*how):
        return rows
    order = ranked_rows(*how)
    return replace(rows, doc_ids=take_ids(rows.doc_ids, order), values=rows.values[order])


def _places(ranked: Floats, offsets: I64) -> I64:
    """Number each query's distinct values from 1, highest first: int64 (N,); ``ranked`` falls within each query."""
    new = np.concatenate([[1], ranked[1:] != ranked[:-1]])
    new[offsets[:-1]] = 1  # no query of a file is without rows
    counted = np.cumsum(new)
    return counted - np.repeat(counted[offsets[:-1]] - 1, np.diff(offsets))


def read_qrels(path: str | Path) -> Candidates:
    """Read relevance judgments into the column "label", rows in the order of the file.

    Takes TREC lines ``qid 0 docid grade`` and BEIR's three columns ``query-id corpus-id score`` with or without header;
    the first line decides. Grades are integers. Raises `FileFormatError` as `read_run` does.

    >>> import tempfile, rankdistill as rd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "qrels.txt"
    ...     _ = path.write_text("q1 0 d1 3\\nq1 0 d2 0\\n")
    ...     qrels = rd.read_qrels(path)
    >>> qrels["label"].tolist()
    [3.0, 0.0]
    """
    path = Path(path)
    data = map_bytes(path)
    form, start = recognise(path, data, QRELS)
    rows = parse(path, data, form, start)
    return rows.candidates({"label": rows.values})
