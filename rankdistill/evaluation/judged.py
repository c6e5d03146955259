"""A run under its judgments: ranked once, and of its candidates those that are judged, with rank, label and score."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.data.candidates import Candidates, Floats, Ints, Ties
from rankdistill.errors import DataError, UnknownNameError, UsageError

Unjudged = Literal["missing", "irrelevant"]
"""A candidate without a judgment: in no pair of labels (METHODS §4), or of grade 0."""


@dataclass(frozen=True, eq=False)
class JudgedRun:
    """What a measure sees: of each judged query the candidates that are judged, best first, and where they rank.

    J judged candidates; query i is the i-th judged query, without any where the run lacks it.
    """

    qrels: Candidates
    """The judgments, column "label" without missing values; its queries are the judged queries (Q)."""
    offsets: Ints
    """int64 (Q+1,): ``offsets[i]:offsets[i+1]`` are judged query i's judged candidates."""
    ranks: Ints
    """int64 (J,): rank in the whole list, from 1."""
    labels: Floats
    """float32 (J,), finite."""
    scores: Floats
    """float32 (J,), finite."""
    run: Candidates
    """The whole run as it is ranked; columns "score", and "label" with NaN for what is not judged."""
    lists: Ints
    """int64 (Q,): index of each judged query's list in ``run``, -1 where the run lacks it."""
    unjudged: Unjudged
    """What pairs of labels take a candidate without a judgment for."""

    @property
    def n_queries(self) -> int:
        return self.qrels.n_queries

    @property
    def sizes(self) -> Ints:
        """int64 (Q,): length of each judged query's list."""
        return np.where(self.lists >= 0, np.diff(self.run.offsets)[self.lists], 0)

    @property
    def missing_queries(self) -> int:
        """Judged queries for which the run has no candidate."""
        return int((self.sizes == 0).sum())

    @property
    def unjudged_queries(self) -> int:
        """Queries of the run that no judgment names; they are ignored."""
        return int(self.run.n_queries - (self.lists >= 0).sum())

    @cached_property
    def query_of(self) -> Ints:
        """int64 (J,): judged query of each judged candidate."""
        return np.repeat(np.arange(self.n_queries), np.diff(self.offsets))

    @cached_property
    def ranks_among_judged(self) -> Ints:
        """int64 (J,): rank in the list without what is not judged, from 1."""
        return np.arange(len(self.labels)) - self.offsets[:-1][self.query_of] + 1


def check_unjudged(unjudged: str) -> None:
    """Raise `UnknownNameError` for anything but the treatments of unjudged candidates that there are."""
    if unjudged not in get_args(Unjudged):
        raise UnknownNameError("treatment of unjudged candidates", unjudged, get_args(Unjudged))


def judge(
    qrels: Candidates,
    run: Candidates,
    by: str | None = None,
    unjudged: Unjudged = "missing",
    ties: Ties = "trec",
) -> JudgedRun:
    """Bring judgments (column "label") and a run (scores in column ``by``, the first if None) together.

    Lists are ranked once, for all measures, by falling float32 score; ties: see `Candidates.ranking`. A judgment whose
    label is missing is none. Raises `DataError` for a missing or infinite score, where nothing is judged, and where not
    one query of the run is judged.
    """
    check_unjudged(unjudged)
    if by is None:
        by = next(iter(run.columns), None)
        if by is None:
            raise UsageError("the run has no column of scores, expected one")
    _check_finite(run, by)
    labels = qrels["label"]
    qrels = qrels.only_columns("label").take_rows(~np.isnan(labels)) if np.isnan(labels).any() else qrels
    if not len(qrels):
        raise DataError("the qrels hold no judgment")
    run = run.only_columns(by).ranked(by, ties)
    run = Candidates(run.query_ids, run.offsets, run.doc_ids, {"score": run[by]}).join(qrels, "label")
    lists = pc.fill_null(pc.index_in(qrels.query_ids, value_set=run.query_ids), -1).to_numpy(zero_copy_only=False)
    lists = lists.astype(np.int64)
    if not len(run) or not (np.diff(run.offsets)[lists[lists >= 0]]).any():
        raise DataError(
            f"not one of the run's {run.n_queries} queries ({_some(run.query_ids)}) is judged "
            f"({_some(qrels.query_ids)} are): do these qrels belong to this run?"
        )
    rows, offsets = _judged_rows(run, lists)
    list_of_row = np.repeat(lists, np.diff(offsets))
    return JudgedRun(
        qrels,
        offsets,
        rows - run.offsets[:-1][list_of_row] + 1,
        run["label"][rows],
        run["score"][rows],
        run,
        lists,
        unjudged,
    )


def _judged_rows(run: Candidates, lists: Ints) -> tuple[Ints, Ints]:
    """The run's rows that have a label, list after list of ``lists`` (Q,), and where each list's begin: (Q+1,)."""
    rows = np.flatnonzero(~np.isnan(run["label"]))
    bounds = np.searchsorted(rows, run.offsets)
    sizes = np.where(lists >= 0, np.diff(bounds)[lists], 0) if run.n_queries else np.zeros(len(lists), np.int64)
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    return rows[np.arange(offsets[-1]) + np.repeat(bounds[lists] - offsets[:-1], sizes)], offsets


def _check_finite(run: Candidates, by: str) -> None:
    bad = np.flatnonzero(~np.isfinite(run[by]))
    if bad.size:
        row = int(bad[0])
        query = run.query_ids[int(run.query_of_row[row])].as_py()
        raise DataError(
            f"score {run[by][row]} of query {query!r}, document {run.doc_ids[row].as_py()!r} in column {by!r} "
            f"({bad.size} such rows), expected finite numbers: drop these rows or score them"
        )


def _some(ids: pa.Array) -> str:
    shown = ", ".join(repr(i) for i in ids[:3].to_pylist())
    return shown + (", …" if len(ids) > 3 else "")
