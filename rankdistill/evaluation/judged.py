"""A run under its judgments: the judged queries' lists, ranked, each candidate with its label where it has one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.data.candidates import Candidates, Floats, Ints
from rankdistill.errors import DataError, UnknownNameError, UsageError

Unjudged = Literal["missing", "irrelevant"]
"""A candidate without a judgment: in no pair of labels (METHODS §4), or of grade 0."""


@dataclass(frozen=True, eq=False)
class JudgedRun:
    """What a measure sees; query i is the i-th judged query, whose list is empty where the run lacks it."""

    qrels: Candidates
    """The judgments, column "label" without missing values; its queries are the judged queries (Q)."""
    run: Candidates
    """The run's lists of judged queries alone, in the order of the qrels, ranked; columns "score" and "label"."""
    offsets: Ints
    """int64 (Q+1,): rows ``offsets[i]:offsets[i+1]`` of ``run`` are judged query i's candidates, best first."""
    unjudged_queries: int
    """Queries of the run that no judgment names; they are ignored."""

    @property
    def scores(self) -> Floats:
        """float32 (N,), finite."""
        return self.run["score"]

    @property
    def labels(self) -> Floats:
        """float32 (N,); of an unjudged candidate NaN, or 0 where those count as irrelevant."""
        return self.run["label"]

    @property
    def n_queries(self) -> int:
        return self.qrels.n_queries

    @property
    def missing_queries(self) -> int:
        """Judged queries for which the run has no candidate."""
        return int((np.diff(self.offsets) == 0).sum())


def check_unjudged(unjudged: str) -> None:
    """Raise `UnknownNameError` for anything but the treatments of unjudged candidates that there are."""
    if unjudged not in get_args(Unjudged):
        raise UnknownNameError("treatment of unjudged candidates", unjudged, get_args(Unjudged))


def judge(qrels: Candidates, run: Candidates, by: str | None = None, unjudged: Unjudged = "missing") -> JudgedRun:
    """Bring judgments (column "label") and a run (scores in column ``by``, the first if None) together.

    Lists are ranked as trec_eval ranks them: float32 score descending, document id descending in byte order. A judgment
    whose label is missing is none. Raises `DataError` for a missing or infinite score, where nothing is judged, and
    where not one query of the run is judged.
    """
    check_unjudged(unjudged)
    if by is None:
        by = next(iter(run.columns), None)
        if by is None:
            raise UsageError("the run has no column of scores, expected one")
    _check_finite(run, by)
    labels = qrels["label"]
    qrels = qrels.take_rows(~np.isnan(labels)).only_columns("label")
    if not qrels.n_queries:
        raise DataError("the qrels hold no judgment")
    at = pc.fill_null(pc.index_in(qrels.query_ids, value_set=run.query_ids), -1).to_numpy(zero_copy_only=False)
    sizes = np.where(at >= 0, np.diff(run.offsets, append=0)[at], 0)
    if not sizes.any():
        raise DataError(
            f"not one of the run's {run.n_queries} queries ({_some(run.query_ids)}) is judged "
            f"({_some(qrels.query_ids)} are): do these qrels belong to this run?"
        )
    lists = run.take_queries(at[sizes > 0]).only_columns(by).ranked(by)
    found = lists.join(qrels, "label")["label"]
    if unjudged == "irrelevant":
        found = np.nan_to_num(found)
    return JudgedRun(
        qrels,
        Candidates(lists.query_ids, lists.offsets, lists.doc_ids, {"score": lists[by], "label": found}),
        np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        int(run.n_queries - (at >= 0).sum()),
    )


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
