"""JudgedRun: a run ranked once for all measures, and its judged candidates with rank, label and score."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.arrays import F32, I64
from rankdistill.data.candidates import Candidates, positions_of
from rankdistill.data.offsets import offsets_of
from rankdistill.data.trec.forms import LARGEST_GRADE
from rankdistill.errors import DataError
from rankdistill.evaluation.conventions import Conventions, IdenticalIds, Unjudged


@dataclass(frozen=True, eq=False)
class JudgedRun:
    """What a measure reads: each judged query's judged candidates, best first, and their ranks in the whole list.

    There are J judged candidates. Query i is the i-th judged query; it has no candidates where the run lacks it.
    """

    qrels: Candidates
    """The judgments, column "label" without missing values; its queries are the judged queries (Q)."""
    offsets: I64
    """int64 (Q+1,): ``offsets[i]:offsets[i+1]`` are judged query i's judged candidates."""
    ranks: I64
    """int64 (J,): rank in the whole list, from 1."""
    labels: F32
    """float32 (J,), finite."""
    scores: F32
    """float32 (J,), finite."""
    run: Candidates
    """The whole run, ranked; columns "score", and "label" with NaN for unjudged candidates."""
    lists: I64
    """int64 (Q,): index of each judged query's list in ``run``, -1 where the run lacks it."""
    unjudged: Unjudged
    """Whether unjudged candidates are in no pair of labels, or of grade 0."""
    identical_ids: IdenticalIds
    """Whether candidates that have their query's id are kept."""
    own_documents: int
    """Number of judged queries whose list plainly holds, or held, the query itself, see `own_documents`."""

    @property
    def n_queries(self) -> int:
        return self.qrels.n_queries

    @property
    def sizes(self) -> I64:
        """Length of each judged query's list, int64 (Q,)."""
        return np.where(self.lists >= 0, np.diff(self.run.offsets)[self.lists], 0)

    @property
    def missing_queries(self) -> int:
        """Number of judged queries for which the run has no candidate."""
        return int((self.sizes == 0).sum())

    @property
    def unjudged_queries(self) -> int:
        """Number of queries of the run without a judgment; they are ignored."""
        return int(self.run.n_queries - (self.lists >= 0).sum())

    @property
    def unjudged_candidates(self) -> int:
        """Number of candidates without a judgment in the lists of judged queries."""
        return int(self.sizes.sum()) - len(self.labels)

    @property
    def unordered(self) -> bool:
        """Whether the scores order nothing: there are lists of several candidates, and all scores of each are equal."""
        begins = np.zeros(len(self.run) + 1, np.bool_)
        begins[self.run.offsets] = True
        steps = np.diff(self.run["score"])[~begins[1:-1]]
        return len(steps) > 0 and not steps.any()

    @cached_property
    def query_of(self) -> I64:
        """Judged query of each judged candidate, int64 (J,)."""
        return np.repeat(np.arange(self.n_queries), np.diff(self.offsets))

    @cached_property
    def ranks_among_judged(self) -> I64:
        """Rank in the list without unjudged candidates, from 1, int64 (J,)."""
        return np.arange(len(self.labels)) - self.offsets[:-1][self.query_of] + 1


def judge(
    qrels: Candidates, run: Candidates, by: str | None = None, conventions: Conventions | None = None
) -> JudgedRun:
    """Join judgments (column "label") to a run (scores in column ``by``; None: in its only column).

    Lists are ranked once, for all measures, by falling float32 score. A row of the qrels whose label is missing is no
    judgment. Raises `DataError` for a missing or infinite score, where nothing is judged, and where no query of the run
    is judged; `UsageError` where ``by`` is None and the run has several columns.
    """
    conventions = conventions or Conventions()
    by = run.score_column(by)
    _check_finite(run, by)
    labels = qrels["label"]
    _check_labels(qrels)
    qrels = qrels.only_columns("label").take_rows(~np.isnan(labels)) if np.isnan(labels).any() else qrels
    if not len(qrels):
        raise DataError("the qrels hold no judgment")
    run = run.only_columns(by).ranked(by, conventions.ties)
    own = own_documents(run, qrels, conventions.identical_ids == "drop")
    run = conventions.lists(run)
    run = Candidates(run.query_ids, run.offsets, run.doc_ids, {"score": run[by]}).join(qrels, "label")
    lists = positions_of(qrels.query_ids, run.query_ids)
    if not len(run) or not (np.diff(run.offsets)[lists[lists >= 0]]).any():
        raise DataError(
            f"none of the run's {run.n_queries} queries ({_some(run.query_ids)}) is judged, the qrels judge "
            f"{_some(qrels.query_ids)}: do these qrels belong to this run?"
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
        conventions.unjudged_under(qrels),
        conventions.identical_ids,
        len(own),
    )


def own_documents(ranked: Candidates, qrels: Candidates, every: bool = False) -> I64:
    """Find the lists, of judged queries, that hold the query itself as a document: their indices.

    every: take each document of the query's id.

    The id alone may be a coincidence, where queries and documents are both numbered. It is none where the document is
    first in at least half of these lists, or some such id is more than digits. A document that is judged relevant is no
    mistake and does not count.
    """
    rows = np.flatnonzero(ranked.identical_ids())
    lists = ranked.query_of_row[rows]
    if not len(rows):
        return lists
    places = positions_of(ranked.query_ids.take(pa.array(lists)), qrels.query_ids)
    own = Candidates.from_rows(ranked.query_ids.take(pa.array(lists)), ranked.doc_ids.take(pa.array(rows)))
    relevant = own.join(qrels, "label")["label"] > 0
    kept = (places >= 0) & (every | ~relevant)
    rows, lists = rows[kept], lists[kept]
    if every:
        return lists
    first = (rows == ranked.offsets[:-1][lists]).sum()
    digits = pc.match_substring_regex(ranked.doc_ids.take(pa.array(rows)), r"^[0-9]+$")
    return lists if 2 * first >= len(rows) or not pc.all(digits).as_py() else lists[:0]


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
