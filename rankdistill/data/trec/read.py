"""TREC runs and qrels as Candidates: what people see of scores and labels, plain or gzipped.

A line's fields stand apart by white space; blank lines and lines that begin with ``#`` are skipped.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from rankdistill.data.candidates import Candidates, Ties, check_ties
from rankdistill.data.kernels.ids import Ints, id_bytes, take_ids
from rankdistill.data.kernels.ranks import TIES, in_order, ranked_rows
from rankdistill.data.parts import read_parts
from rankdistill.data.trec.lines import QRELS, RANKS, RUNS, TREC_RUN, Rows, parse, recognise
from rankdistill.errors import UnknownNameError
from rankdistill.files.reading import map_bytes
from rankdistill.progress import first_use

Precision = Literal["float32", "float64"]


def read_run(
    path: str | Path, column: str = "score", *, ties: Ties = "trec", precision: Precision = "float32"
) -> Candidates:
    """Read a run, each query's documents ranked by falling score, equal ones by the rule ``ties``.

    Takes TREC lines ``qid Q0 docid rank score tag`` and MS MARCO lines ``qid docid rank``, whose score is ``-rank``;
    the first line decides. Queries stand in order of first appearance. A folder is read as one of parts.

    ties: "trec" puts the larger document id first, in byte order, as trec_eval does; "docid-asc" the smaller, as
    ir_measures' ``RR@k``; "rank" the smaller rank, as they stand in the file (the rank column plays no other part).
    precision: scores are float32, and compare as such in trec_eval 9 and pytrec_eval; "float64" ranks by the doubles in
    the file, as trec_eval 10 does. Columns being float32, the column then holds no scores but -1, -2, … for a query's
    highest, next lower, … double: what evaluation needs of them, and nothing else.
    Raises `FileFormatError` with file and line for a malformed line, a score that is no finite number or a document
    that stands twice in a query's list.
    """
    check_ties(ties)
    if precision not in get_args(Precision):
        raise UnknownNameError("precision", precision, get_args(Precision))
    path = Path(path)
    if path.is_dir():
        return read_parts(path, column).ranked(column, ties)
    _load_kernels()
    data = map_bytes(path)
    form, start = recognise(path, data, RUNS)
    rows = parse(path, data, form, start, np.dtype(precision))
    if ties == "rank" and form is TREC_RUN:
        rows = _ranked(rows, -parse(path, data, RANKS, start).values, "rank")
    rows = replace(rows, values=rows.values * form.sign)
    rows = _ranked(rows, rows.values, ties)
    values = rows.values if precision == "float32" else -_places(rows.values, rows.offsets)
    return rows.candidates({column: values})


@cache
def _load_kernels() -> None:
    """Have the kernels ready before anything is timed by a bar or a person."""
    with first_use("the kernels that read runs"):
        rows = parse(Path("sample"), b"q Q0 a 1 1 t\nq Q0 b 2 2 t\n", TREC_RUN, 0)
        _ranked(rows, rows.values, "trec")


def read_ranks(path: str | Path) -> Candidates:
    """Read the ranks of a TREC run, which evaluation ignores, into the column "rank", rows by rising rank.

    Raises as `read_run` does, and for a rank that is no integer.
    """
    path = Path(path)
    data = map_bytes(path)
    _, start = recognise(path, data, (RANKS,))
    rows = parse(path, data, RANKS, start)
    rows = _ranked(replace(rows, values=-rows.values), -rows.values, "rank")
    return rows.candidates({"rank": -rows.values})


def _ranked(rows: Rows, by: NDArray[np.floating], ties: Ties) -> Rows:
    """The rows, each query's by falling ``by`` (N,)."""
    how = (by, rows.offsets, *id_bytes(rows.doc_ids), TIES[ties])
    if in_order(*how):
        return rows
    order = ranked_rows(*how)
    return replace(rows, doc_ids=take_ids(rows.doc_ids, order), values=rows.values[order])


def _places(ranked: NDArray[np.floating], offsets: Ints) -> Ints:
    """Each row's place among its query's distinct values, from 1; ``ranked`` falls within each query."""
    new = np.concatenate([[1], ranked[1:] != ranked[:-1]])
    new[offsets[:-1]] = 1  # no query of a file is without rows
    counted = np.cumsum(new)
    return counted - np.repeat(counted[offsets[:-1]] - 1, np.diff(offsets))


def read_qrels(path: str | Path) -> Candidates:
    """Read relevance judgments into the column "label", rows in the order of the file.

    Takes TREC lines ``qid 0 docid grade`` and BEIR's three columns ``query-id corpus-id score`` with or without header;
    the first line decides. Grades are integers. Raises as `read_run` does.
    """
    path = Path(path)
    data = map_bytes(path)
    form, start = recognise(path, data, QRELS)
    rows = parse(path, data, form, start)
    return rows.candidates({"label": rows.values})
