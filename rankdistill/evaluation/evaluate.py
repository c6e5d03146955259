"""Evaluate a run against judgments in the measures of ir_measures, and in PNR and DCG.

Values are trec_eval's where it has the measure: scores compare as float32, as in trec_eval 9 and pytrec_eval; of equal
scores the larger document id (byte order) ranks first; the rank column plays no part; nDCG has a linear gain and an
ideal over all judgments; a judged query that the run lacks counts as 0, as does one without a relevant document. A run
is ranked once, for all measures. `Conventions` holds the alternatives that other tools follow.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import ir_measures
import numpy as np

from rankdistill.evaluation.judged_run import JudgedRun, OwnDocuments
from rankdistill.evaluation.measures.outside import Plan, outside_values, plan
from rankdistill.evaluation.measures.pnr import PnrMeasure, pooled_shares
from rankdistill.evaluation.measures.provider import OWN, own_values
from rankdistill.evaluation.names import parse_measures
from rankdistill.progress import first_use

if TYPE_CHECKING:  # a small evaluation starts without Arrow and Numba
    from rankdistill.data.candidates import Candidates
    from rankdistill.evaluation.conventions import Conventions, IdenticalIds, Unjudged

MeasureName = str | ir_measures.Measure


UNJUDGED_IN_PNR = {
    "missing": "are in no pair of PNR (unjudged=missing)",
    "irrelevant": "count as irrelevant, grade 0, in PNR (unjudged=irrelevant)",
}
"""What `Conventions.unjudged` means for a reader."""
IDENTICAL = {
    "keep": "in their list, where BEIR's evaluation drops them: identical_ids='drop' (--identical-ids drop) does",
    "drop": "in the run, and these documents are dropped",
}
"""What `Conventions.identical_ids` means for a reader."""


class EvaluationWarning(UserWarning):
    """Judged queries that a run lacks, or other gaps that change how the values of an evaluation read."""


@dataclass(frozen=True)
class Evaluation:
    """A run's values, and what it was measured on."""

    values: dict[str, float]
    """Measure -> its value over all judged queries."""
    per_query: dict[str, dict[str, float]]
    """Measure -> query id -> value. For PNR: concordant / max(1, discordant) of the query."""
    shares: dict[str, dict[str, float]]
    """What a paired test compares: ``per_query``, except for pooled PNR, see `pooled_shares`."""
    queries: int
    """Judged queries."""
    missing_queries: int
    """Judged queries for which the run has no candidate; they count as 0."""
    unjudged_queries: int
    """Queries of the run without a judgment; they are ignored."""
    unreversed_queries: int | None
    """Judged queries without a reversed pair, whose denominator is 1; None unless ``PNR(avg=macro)`` is measured."""
    unjudged: Unjudged
    """What candidates without a judgment are in PNR."""
    unjudged_candidates: int | None
    """Candidates of judged queries without a judgment; None unless a PNR is measured."""
    candidates: int
    """Candidates of judged queries."""
    unordered: bool
    """Whether the scores order nothing, as all of each list are equal; the rule for equal scores makes the order."""
    own_documents: int
    """Queries whose list holds a document of the query's own id, which is plainly the query itself: it is first in most
    of these lists, or some such id is no number, and it is not judged relevant."""
    identical_ids: IdenticalIds
    """Whether such documents are kept in the lists."""

    @property
    def notes(self) -> list[str]:
        """What a reader of the values should know, in sentences: `coverage_notes`, and what PNR's pairs are."""
        if not self.unjudged_candidates:
            return self.coverage_notes
        counts = f"{self.unjudged_candidates:,} of {self.candidates:,} candidates are unjudged"
        return [*self.coverage_notes, f"{counts} and {UNJUDGED_IN_PNR[self.unjudged]}"]

    @property
    def coverage_notes(self) -> list[str]:
        """What is missing, in sentences; empty where every judged query is in the run and the reverse."""
        notes = []
        if self.missing_queries:
            notes.append(f"{self.missing_queries} of {self.queries} judged queries are not in the run and count as 0")
        if self.unjudged_queries:
            notes.append(f"{self.unjudged_queries} queries of the run are not among the judged queries and are ignored")
        if self.unreversed_queries:
            notes.append(
                f"{self.unreversed_queries} of {self.queries} queries have no reversed pair and the denominator 1 in "
                "PNR(avg=macro)"
            )
        if self.unordered:
            notes.append("all scores of each list are equal, so the rule for ties alone makes the order (ties, --ties)")
        if self.own_documents:
            what = IDENTICAL[self.identical_ids]
            notes.append(f"{self.own_documents} of {self.queries} queries have themselves, by their id, {what}")
        return notes


def evaluate(
    qrels: Candidates,
    run: Candidates,
    measures: MeasureName | Sequence[MeasureName],
    by: str | None = None,
    conventions: Conventions | None = None,
) -> dict[str, float]:
    """Evaluate a run: {measure as given: value over all judged queries}.

    qrels: column "label", NaN = no judgment. run: finite scores in the column ``by`` (None: in its only column).
    measures: ir_measures names such as ``nDCG@10 RR@10 AP P@10 R@100 ERR Judged@10``, ``PNR`` (pairs of all queries
    pooled), ``PNR(avg=macro)``, ``DCG@10``, ``DCG(gain=exp)@10``. conventions: the rule for equal scores, and what
    unjudged candidates are in PNR, which by default depends on the qrels, see `Conventions.unjudged_under`; where
    ``qrels`` is a part, decide on the whole first: ``conventions.under(whole)``.
    Warns (`EvaluationWarning`) of judged queries that the run lacks and of queries ignored; `evaluation` counts them.
    Raises `UnknownNameError` for an unknown measure, `DataError` for scores that are missing or infinite, for labels
    that are no integers where the measure takes grades, and where no query of the run is judged, and `UsageError` where
    ``by`` is None and the run has several columns.

    >>> import rankdistill as rd
    >>> qrels = rd.Candidates.from_dict({"q1": {"d1": 3, "d2": 0, "d3": 1}}, "label")
    >>> run = rd.Candidates.from_dict({"q1": {"d1": 0.9, "d2": 0.5, "d3": 0.4}}, "score")
    >>> rd.evaluate(qrels, run, ["RR@10", "PNR"])
    {'RR@10': 1.0, 'PNR': 2.0}
    """
    result = evaluation(qrels, run, measures, by, conventions)
    _warn(result)
    return result.values


def evaluate_per_query(
    qrels: Candidates,
    run: Candidates,
    measures: MeasureName | Sequence[MeasureName],
    by: str | None = None,
    conventions: Conventions | None = None,
) -> dict[str, dict[str, float]]:
    """Evaluate a run query by query: {measure as given: {query id: value}}; see `evaluate`."""
    result = evaluation(qrels, run, measures, by, conventions)
    _warn(result)
    return result.per_query


def evaluation(
    qrels: Candidates,
    run: Candidates,
    measures: MeasureName | Sequence[MeasureName],
    by: str | None = None,
    conventions: Conventions | None = None,
) -> Evaluation:
    """Evaluate a run and return all that `Evaluation` holds, without warnings; see `evaluate`."""
    from rankdistill.evaluation.judged import judge

    named = parse_measures(measures)
    load_kernels()
    chosen = plan(list(dict.fromkeys(named.values())))
    return measured(named, chosen, judge(qrels, run, by, conventions))


def measured(named: dict[str, ir_measures.Measure], chosen: Plan, judged: JudgedRun) -> Evaluation:
    """Compute measures, each by the provider that `plan` chose for it. named: name as given -> measure."""
    return combined(named, [values_of(chosen, judged)], judged.query_ids, judged.unjudged, judged.identical_ids)


@dataclass(frozen=True)
class Values:
    """What a part of a run, or all of it, adds to an `Evaluation`."""

    per_query: dict[ir_measures.Measure, dict[str, float]]
    """Measure -> query id -> value, as its provider gives it."""
    queries: int
    missing_queries: int
    unjudged_queries: int
    unjudged_candidates: int
    candidates: int
    orders: bool | None
    """Whether the scores of some list differ; None where no list has several candidates."""
    own: OwnDocuments


def values_of(chosen: Plan, judged: JudgedRun) -> Values:
    """Compute the measures of every judged query, each by its provider."""
    per_query: dict[ir_measures.Measure, dict[str, float]] = {}
    for provider, supported in chosen:
        if provider is OWN:
            per_query |= {measure: own_values(measure, judged) for measure in supported}
        else:
            per_query |= outside_values(provider, supported, judged)
    return Values(
        per_query,
        judged.n_queries,
        judged.missing_queries,
        judged.unjudged_queries,
        judged.unjudged_candidates,
        int(judged.sizes.sum()),
        judged.orders,
        judged.own,
    )


def combined(
    named: dict[str, ir_measures.Measure],
    found: Sequence[Values],
    query_ids: Sequence[str],
    unjudged: Unjudged,
    identical_ids: IdenticalIds,
) -> Evaluation:
    """Make an evaluation of the values of all parts of a run. query_ids: of all judged queries, in their order."""
    per_query: dict[ir_measures.Measure, dict[str, float]] = {}
    for measure in dict.fromkeys(named.values()):
        values_by_id = {q: value for part in found for q, value in part.per_query.get(measure, {}).items()}
        per_query[measure] = {query: values_by_id[query] for query in query_ids}
    values = {name: _aggregate(measure, per_query[measure]) for name, measure in named.items()}
    ratios = [measure for measure in per_query if isinstance(measure, PnrMeasure)]
    macro = [measure for measure in ratios if measure["avg"] == "macro"]
    orders = [part.orders for part in found if part.orders is not None]
    return Evaluation(
        values,
        {name: {q: float(v) for q, v in per_query[measure].items()} for name, measure in named.items()},
        {name: _shares(measure, per_query[measure]) for name, measure in named.items()},
        sum(part.queries for part in found),
        sum(part.missing_queries for part in found),
        sum(part.unjudged_queries for part in found),
        sum(not pairs.discordant for pairs in per_query[macro[0]].values()) if macro else None,  # type: ignore[attr-defined]
        unjudged,
        sum(part.unjudged_candidates for part in found) if ratios else None,
        sum(part.candidates for part in found),
        bool(orders) and not any(orders),
        sum((part.own for part in found), OwnDocuments()).plainly,
        identical_ids,
    )


@cache
def load_kernels() -> None:
    """Load or compile the kernels, before a progress bar estimates the time left."""
    from rankdistill.data.candidates import Candidates
    from rankdistill.evaluation.judged import judge
    from rankdistill.evaluation.measures.pnr_kernel import count_queries

    with first_use("the kernels that evaluate"):
        tied = Candidates.from_rows(["q", "q"], ["a", "b"], {"label": [1.0, 1.0]})
        judged = judge(tied, tied)
        counts = np.zeros((2, 1), np.int64)
        count_queries(judged.scores, judged.labels.astype(np.float64), judged.offsets, counts)


def _aggregate(measure: ir_measures.Measure, per_query: dict[str, float]) -> float:
    aggregator = measure.aggregator()
    defined = [value for value in per_query.values() if not math.isnan(value)]
    for value in defined:
        aggregator.add(value)
    return float(aggregator.result()) if defined else math.nan


def _shares(measure: ir_measures.Measure, per_query: dict[str, float]) -> dict[str, float]:
    if isinstance(measure, PnrMeasure) and measure["avg"] == "pooled":
        ratios: list[Any] = list(per_query.values())
        return dict(zip(per_query, pooled_shares(ratios), strict=True))
    return {query: float(value) for query, value in per_query.items()}


def _warn(result: Evaluation) -> None:
    if result.coverage_notes:
        warnings.warn("; ".join(result.coverage_notes), EvaluationWarning, stacklevel=3)
