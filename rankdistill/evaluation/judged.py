"""judge: join judgments to a run, which is ranked once for all measures."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.arrays import I64
from rankdistill.data.candidates import Candidates, positions_of
from rankdistill.data.offsets import offsets_of
from rankdistill.data.trec.forms import LARGEST_GRADE
from rankdistill.errors import DataError
from rankdistill.evaluation.conventions import Conventions
from rankdistill.evaluation.judged_run import JudgedRun, OwnDocuments


def judge(
    qrels: Candidates, run: Candidates, by: str | None = None, conventions: Conventions | None = None
) -> JudgedRun:
    """Join judgments (column "label") to a run (scores in column ``by``; None: in its only column).

    Lists are ranked once, for all measures, by falling float32 score. A row of the qrels whose label is missing is no
    judgment. Raises `DataError` for a missing or infinite score, where nothing is judged, and where no query of the run
    is judged; `UsageError` where ``by`` is None and the run has several columns.
    """
    conventions = conventions or Conventions()
    judged = joined(judgments_of(qrels), run, by, conventions)
    if not judged.sizes.any():
        raise not_judged(judged.qrels.query_ids, judged.run.query_ids, judged.run.n_queries)
    return judged


def judgments_of(qrels: Candidates) -> Candidates:
    """The rows of qrels that are judgments; `DataError` where there are none, or for a label that float32 rounds."""
    labels = qrels["label"]
    _check_labels(qrels)
    qrels = qrels.only_columns("label")
    qrels = qrels.take_rows(~np.isnan(labels)) if np.isnan(labels).any() else qrels
    if not len(qrels):
        raise DataError("the qrels hold no judgment")
    return qrels


def joined(judgments: Candidates, run: Candidates, by: str | None, conventions: Conventions) -> JudgedRun:
    """Join judgments, see `judgments_of`, to a run none of whose queries has to be judged; errors as in `judge`."""
    by = run.score_column(by)
    _check_finite(run, by)
    run = run.only_columns(by).ranked(by, conventions.ties)
    dropped = conventions.identical_ids == "drop"
    own = own_facts(run, own_documents(run, judgments, dropped), dropped)
    run = conventions.lists(run)
    run = Candidates(run.query_ids, run.offsets, run.doc_ids, {"score": run[by]}).join(judgments, "label")
    lists = positions_of(judgments.query_ids, run.query_ids)
    rows, offsets = _judged_rows(run, lists)
    list_of_row = np.repeat(lists, np.diff(offsets))
    return JudgedRun(
        judgments,
        offsets,
        rows - run.offsets[:-1][list_of_row] + 1,
        run["label"][rows],
        run["score"][rows],
        run,
        lists,
        conventions.unjudged_under(judgments),
        conventions.identical_ids,
        own,
    )


def not_judged(judged_ids: pa.Array, run_ids: pa.Array | None, n_queries: int) -> DataError:
    """The error of a run without a candidate of a judged query; run_ids: some of its ids, None where it has none."""
    some = "" if run_ids is None else f" ({_some(run_ids)})"
    return DataError(
        f"none of the run's {n_queries} queries{some} is judged, the qrels judge {_some(judged_ids)}: do these qrels "
        "belong to this run?"
    )


def own_documents(ranked: Candidates, qrels: Candidates, every: bool = False) -> I64:
    """Find the rows, in lists of judged queries, that hold the query itself as a document, by its id.

    every: take each document of the query's id. A document that is judged relevant is no mistake and does not count.
    """
    rows = np.flatnonzero(ranked.identical_ids())
    if not len(rows):
        return rows
    queries = ranked.query_ids.take(pa.array(ranked.query_of_row[rows]))
    own = Candidates.from_rows(queries, ranked.doc_ids.take(pa.array(rows)))
    relevant = own.join(qrels, "label")["label"] > 0
    return rows[(positions_of(queries, qrels.query_ids) >= 0) & (every | ~relevant)]


def own_facts(ranked: Candidates, rows: I64, every: bool = False) -> OwnDocuments:
    """Tell whether these rows' ids may be those of their queries by chance, where both are numbered.

    It is none where the document is first in at least half of these lists, or some such id is more than digits.
    """
    first = int((rows == ranked.offsets[:-1][ranked.query_of_row[rows]]).sum())
    digits = pc.match_substring_regex(ranked.doc_ids.take(pa.array(rows)), r"^[0-9]+$")
    return OwnDocuments(len(rows), first, every or not pc.all(digits, min_count=0).as_py())


def _judged_rows(run: Candidates, lists: I64) -> tuple[I64, I64]:
    """Find the run's rows with a label, concatenated in the order of ``lists`` (Q,), and their offsets (Q+1,)."""
    rows = np.flatnonzero(~np.isnan(run["label"]))
    bounds = np.searchsorted(rows, run.offsets)
    sizes = np.where(lists >= 0, np.diff(bounds)[lists], 0) if run.n_queries else np.zeros(len(lists), np.int64)
    offsets = offsets_of(sizes)
    return rows[np.arange(offsets[-1]) + np.repeat(bounds[lists] - offsets[:-1], sizes)], offsets


def _check_finite(run: Candidates, by: str) -> None:
    bad = np.flatnonzero(~np.isfinite(run[by]))
    if bad.size:
        row = int(bad[0])
        raise DataError(
            f"score {run[by][row]} of {run.pair_at(row)} in column {by!r} ({bad.size} such rows), expected finite "
            "numbers: drop these rows or score them"
        )


def _check_labels(qrels: Candidates) -> None:
    labels = qrels["label"]
    bad = np.flatnonzero(np.abs(labels) > LARGEST_GRADE)
    if bad.size:
        row = int(bad[0])
        raise DataError(
            f"label {labels[row]:g} of {qrels.pair_at(row)} ({bad.size} such labels), expected at most "
            f"{LARGEST_GRADE:,} in size, which float32 holds exactly: map the labels to grades first"
        )


def _some(ids: pa.Array) -> str:
    shown = ", ".join(repr(i) for i in ids[:3].to_pylist())
    return shown + (", …" if len(ids) > 3 else "")
