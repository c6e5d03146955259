"""Read TREC runs and qrels, plain or gzipped, as Candidates.

Fields are separated by white space, or by single tabs where ids hold blanks. Blank lines and lines that begin with
``#`` are skipped.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.arrays import I64, Floats
from rankdistill.data.candidates import Candidates, Ties, check_ties
from rankdistill.data.collection import Collection
from rankdistill.data.kernels.ids import id_bytes, take_ids
from rankdistill.data.kernels.ranks import TIES, in_order, ranked_rows
from rankdistill.data.parts import read_parts
from rankdistill.data.score_files.found import is_score_folder
from rankdistill.data.score_files.read import read_file, read_folder
from rankdistill.data.score_files.recognise import is_parquet
from rankdistill.data.trec.forms import (
    BEIR_QRELS,
    BY_THIRD_COLUMN,
    MSMARCO_RUN,
    QRELS,
    RANKED_SCORES,
    RUNS,
    THREE_COLUMNS,
    TREC_RUN,
    UNUSED,
    Layout,
    ThirdColumn,
    ranks_of,
    recognise,
)
from rankdistill.data.trec.lines import GroupedLines, parse, parse_file
from rankdistill.data.trec.third_column import check_third_column
from rankdistill.data.trec.third_column import third_column as tell_third_column
from rankdistill.errors import DataError, FileFormatError
from rankdistill.files.reading import FileBytes, map_bytes
from rankdistill.progress import first_use

ENOUGH_RISES = 3
"""Scores that rise fewer times say nothing."""


def read_run(
    path: str | Path,
    column: str = "score",
    *,
    ties: Ties = "trec",
    third_column: ThirdColumn = "auto",
    collection: Collection | None = None,
) -> Candidates:
    """Read a run into one column of float32 scores, each query's documents ranked by falling score.

    Takes TREC lines ``qid Q0 docid rank score tag``, ``qid docid rank score``, and three columns, ``qid docid rank`` or
    ``qid docid score``; the first line decides. The score of a rank is ``-rank``. Queries keep the order of their first
    appearance. A folder is read as a run in parts. Where the first line is separated by tabs, ids may hold blanks.
    Scores in other tools' forms (docs/teachers.md), JSON, Parquet, Margin-MSE's triples, and folders of such files, are
    recognised by their content, which a warning says.

    ties: "trec" puts the larger document id first, in byte order, as trec_eval does; "docid-asc" the smaller, as
    ir_measures' ``RR@k``; "rank" the smaller rank in the file, whose rank column plays no other part.
    third_column: of a run of three columns, "rank", "score", or "auto": what a first line such as ``# qid docid score``
    says, else a rank where every list counts from 1, else a score where no list could be ranks.
    collection: has the ids of queries and passages that a file of scores names by their texts.
    Raises `FileFormatError` with file and line for a malformed line, a score that is no finite number, a duplicate
    document in a query's list, and a third column that may be a rank or a score; `DataError` for ``ties="rank"`` where
    the file holds no ranks. Warns of scores that rise down every list.

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
    if path.is_dir() and not is_score_folder(path):
        return read_parts(path, column).ranked(column, ties)
    rows = _ranked_file(path, ties, np.float32, third_column, collection)
    return rows.candidates({column: rows.values})


def read_ranking(
    path: str | Path,
    column: str = "ranking",
    *,
    ties: Ties = "trec",
    third_column: ThirdColumn = "auto",
    collection: Collection | None = None,
) -> Candidates:
    """Read a run's ranking by its scores as doubles, as trec_eval 10 compares them, without the scores themselves.

    The column, being float32, cannot hold the doubles. It holds -1 for a query's highest score, -2 for the next lower
    one, and so on; equal scores have equal values. Arguments and errors as in `read_run`.
    """
    check_ties(ties)
    path = Path(path)
    if path.is_dir() and not is_score_folder(path):
        run = read_parts(path, column).ranked(column, ties)
        return run.with_columns({column: -_places(run[column], run.offsets)})
    rows = _ranked_file(path, ties, np.float64, third_column, collection)
    return rows.candidates({column: -_places(rows.values, rows.offsets)})


def _ranked_file(path: Path, ties: Ties, dtype: Any, third: ThirdColumn, collection: Collection | None) -> GroupedLines:
    """Read the lines of a run, each query's by falling score, which is of this dtype."""
    _load_kernels()
    check_third_column(third)
    data = None if path.is_dir() or is_parquet(path) else map_bytes(path)
    found = read_folder(path, collection) if path.is_dir() else read_file(path, data, collection)
    if found is not None:
        if ties == "rank" and not found.is_order:
            raise _no_ranks(path)
        scores = replace(found.lines, values=found.lines.values.astype(dtype))
        return _ranked(scores, scores.values, ties)
    assert data is not None  # folders and Parquet files are score files, or raise
    lines, layout = read_lines(path, data, dtype, third)
    if not in_order(lines.values, lines.offsets, *id_bytes(lines.doc_ids), TIES[ties]):
        _warn_of_rising_scores(path, lines)
    if ties == "rank" and layout.form is not MSMARCO_RUN:
        lines = _ranked(lines, -_ranks(path, data, layout).values, "rank")
    return _ranked(lines, lines.values, ties)


def read_lines(
    path: Path, data: FileBytes, dtype: Any = np.float32, third: ThirdColumn = "auto"
) -> tuple[GroupedLines, Layout]:
    """Read the lines of a run in the order of the file: scores of this dtype, and the layout with their form."""
    check_third_column(third)
    layout = recognise(path, data, RUNS)
    if len(layout.form.fields) == len(THREE_COLUMNS.fields):
        if third != "auto":
            layout = replace(layout, form=BY_THIRD_COLUMN[third])
        lines = parse_file(path, data, layout, np.float64)
        if layout.form is THREE_COLUMNS:
            layout = replace(layout, form=BY_THIRD_COLUMN[tell_third_column(path, data, lines)])
        return replace(lines, values=(lines.values * layout.form.sign).astype(dtype, copy=False)), layout
    lines = parse_file(path, data, layout, dtype)
    if layout.form is RANKED_SCORES:
        _check_ranked_scores(path, lines, _ranks(path, data, layout))
    return lines, layout


def _ranks(path: Path, data: FileBytes, layout: Layout) -> GroupedLines:
    """Read the ranks of a run that has scores, float64; raise `DataError` where the file holds none."""
    if "rank" not in layout.form.fields:
        raise _no_ranks(path)
    ranks = parse_file(path, data, replace(layout, form=ranks_of(layout.form)), np.float64)
    if len(ranks.values) > len(ranks.query_ids) and (ranks.values == ranks.values[0]).all():
        raise DataError(
            f"{path} has the rank {ranks.values[0]:g} on every line, so ranks cannot decide between equal scores "
            "(ties='rank')"
        )
    return ranks


def _no_ranks(path: Path) -> DataError:
    return DataError(f"{path} holds scores and no ranks, so they cannot decide between equal scores (ties='rank')")


def _check_ranked_scores(path: Path, scores: GroupedLines, ranks: GroupedLines) -> None:
    """Raise `FileFormatError` unless the scores fall as the ranks rise, and for judgments taken for a run."""
    if set(scores.doc_ids[:1000].to_pylist()) <= {name.decode() for name in UNUSED}:
        raise FileFormatError(path, 1, "lines of judgments, 'qid 0 docid grade'", " or ".join(map(str, RUNS)))
    by_rank = _ranked(scores, -ranks.values, "rank")
    rises = np.flatnonzero(np.diff(by_rank.values) > 0) + 1
    inside = np.setdiff1d(rises, by_rank.offsets)
    if inside.size:
        query = int(np.searchsorted(by_rank.offsets, inside[0], side="right")) - 1
        got = f"scores that rise with the rank in the list of query {by_rank.query_ids[query].as_py()!r}"
        raise FileFormatError(path, 1, got, "'qid docid rank score' with scores that fall as ranks rise")


def _warn_of_rising_scores(path: Path, lines: GroupedLines) -> None:
    """Warn where the scores of every list rise in the order of the file: distances, or lists with the worst first."""
    steps = np.diff(lines.values)
    steps[lines.offsets[1:-1] - 1] = 0
    if (steps < 0).any() or (steps > 0).sum() < ENOUGH_RISES:
        return
    warnings.warn(
        f"the scores of {path} rise down its lists; the highest score ranks first: negate distances", stacklevel=5
    )


@cache
def _load_kernels() -> None:
    """Load or compile the kernels, before a progress bar estimates the time left."""
    with first_use("the kernels that read runs"):
        rows = parse(Path("sample"), b"q Q0 a 1 1 t\nq Q0 b 2 2 t\n", TREC_RUN, 0)
        _ranked(rows, rows.values, "trec")


def read_ranks(path: str | Path) -> Candidates:
    """Read the ranks of a TREC run, which evaluation ignores, into the column "rank", rows by rising rank.

    Raises `FileFormatError` as `read_run` does, and for a rank that is no integer; `DataError` where the file holds no
    ranks beside its scores, or one and the same on every line.
    """
    path = Path(path)
    data = map_bytes(path)
    ranks = _ranks(path, data, recognise(path, data, RUNS))
    rows = _ranked(ranks, -ranks.values, "rank")
    return rows.candidates({"rank": rows.values})


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
    the first line decides. Grades are integers up to 2^24, also written 1.0; ids may hold blanks as in `read_run`.
    TREC's second column is not read. Raises `FileFormatError` as `read_run` does.

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
    layout = recognise(path, data, QRELS)
    rows = parse_file(path, data, layout)
    if layout.form is not BEIR_QRELS or data.find(b'"') < 0:
        return rows.candidates({"label": rows.values})
    query_ids, doc_ids = unquoted(rows.query_ids), unquoted(rows.doc_ids)
    judged = replace(rows, query_ids=query_ids, doc_ids=doc_ids).candidates({"label": rows.values})
    try:
        return Candidates.from_rows(judged.row_query_ids, doc_ids, judged.columns)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def unquoted(ids: pa.Array) -> pa.Array:
    """Take the quotes from ids (n,) that are quoted as in CSV, doubled inside, as BEIR writes and reads them."""
    quoted = pc.match_substring_regex(ids, r'^"([^"]|"")*"$')
    inside = pc.replace_substring(pc.utf8_slice_codeunits(ids, 1, -1), '""', '"')
    return pc.if_else(quoted, inside, ids)
