"""Evaluate a run against judgments in the measures of ir_measures, and in PNR and DCG.

Values are trec_eval's where it has the measure: scores compare as float32, as in trec_eval 9 and pytrec_eval; of equal
scores the larger document id (byte order) ranks first; the rank column plays no part; nDCG has a linear gain and an
ideal over all judgments; a judged query that the run lacks counts as 0, as does one without a relevant document. A run
is ranked once, for all measures. `Conventions` holds the alternatives that other tools follow.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import ir_measures
import numpy as np
from numpy.typing import NDArray

from rankdistill.data.candidates import Candidates
from rankdistill.errors import UsageError
from rankdistill.evaluation.conventions import Conventions, Unjudged
from rankdistill.evaluation.judged import JudgedRun, judge
from rankdistill.evaluation.measures.by_rank import check_grades
from rankdistill.evaluation.measures.pnr import PNR, PnrMeasure, pnr_values, pooled_shares
from rankdistill.evaluation.measures.provider import OWN, own_values
from rankdistill.evaluation.names import parse_measures
from rankdistill.progress import first_use

MeasureName = str | ir_measures.Measure


UNJUDGED_IN_PNR = {
    "missing": "are in no pair of PNR (unjudged=missing)",
    "irrelevant": "count as irrelevant, grade 0, in PNR (unjudged=irrelevant)",
}
"""What `Conventions.unjudged` means for a reader."""


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
    named = parse_measures(measures)
    _load_kernels()
    plan = _plan(list(dict.fromkeys(named.values())))
    judged = judge(qrels, run, by, conventions)
    per_query: dict[ir_measures.Measure, dict[str, float]] = {}
    for provider, supported in plan:
        if provider is OWN:
            per_query |= {measure: own_values(measure, judged) for measure in supported}
        else:
            per_query |= _by_ir_measures(provider, supported, judged)
    values = {name: _aggregate(measure, per_query[measure]) for name, measure in named.items()}
    ratios = [measure for measure in per_query if isinstance(measure, PnrMeasure)]
    macro = [measure for measure in ratios if measure["avg"] == "macro"]
    return Evaluation(
        values,
        {name: {q: float(v) for q, v in per_query[measure].items()} for name, measure in named.items()},
        {name: _shares(measure, per_query[measure]) for name, measure in named.items()},
        judged.n_queries,
        judged.missing_queries,
        judged.unjudged_queries,
        sum(not pairs.discordant for pairs in per_query[macro[0]].values()) if macro else None,  # type: ignore[attr-defined]
        judged.unjudged,
        judged.unjudged_candidates if ratios else None,
        int(judged.sizes.sum()),
    )


@cache
def _load_kernels() -> None:
    """Load or compile the kernels, before a progress bar estimates the time left."""
    with first_use("the kernels that evaluate"):
        tied = Candidates.from_rows(["q", "q"], ["a", "b"], {"label": [1.0, 1.0]})
        pnr_values(PNR, judge(tied, tied))


def _plan(measures: list[ir_measures.Measure]) -> list[tuple[ir_measures.Provider, list[ir_measures.Measure]]]:
    """Choose a provider for each measure: ours first, then those of ir_measures in their order."""
    plan = []
    for provider in (OWN, *ir_measures.DefaultPipeline.providers):
        supported = [measure for measure in measures if provider.supports(measure)]
        if supported and provider.is_available():
            plan.append((provider, supported))
            measures = [measure for measure in measures if measure not in supported]
    if measures:
        able = [p for p in ir_measures.DefaultPipeline.providers if p.supports(measures[0])]
        hints = [str(p.install_instructions() or p.NAME) for p in able]
        raise UsageError(
            f"nothing installed computes the measure {str(measures[0])!r}"
            + (f"; this would: {' or '.join(hints)}" if hints else " with these parameters")
        )
    return plan


def _by_ir_measures(
    provider: ir_measures.Provider, measures: list[ir_measures.Measure], judged: JudgedRun
) -> dict[ir_measures.Measure, dict[str, float]]:
    check_grades(measures[0], judged)
    qrels = _lists(judged.qrels, judged.qrels["label"].astype(np.int64))
    lists = judged.run.take_queries(judged.lists[judged.lists >= 0])
    places = lists.offsets[1:][lists.query_of_row] - np.arange(len(lists))
    run = _lists(lists, places)  # our ranking, without ties; above 0, which some providers read as not retrieved
    values: dict[ir_measures.Measure, dict[str, float]] = {measure: {} for measure in measures}
    try:
        for metric in provider.iter_calc(measures, qrels, run):
            values[metric.measure][metric.query_id] = metric.value
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        raise UsageError(
            f"{provider.NAME} of ir_measures cannot compute {', '.join(map(str, measures))} here: {error}"
        ) from error
    return values


def _lists(candidates: Candidates, values: NDArray[Any]) -> dict[str, dict[str, float]]:
    """Convert to {query id: {document id: value}}, which ir_measures reads fastest."""
    documents, numbers, offsets = candidates.doc_ids.to_pylist(), values.tolist(), candidates.offsets.tolist()
    bounds = zip(candidates.query_ids.to_pylist(), offsets[:-1], offsets[1:], strict=True)
    return {query: dict(zip(documents[a:b], numbers[a:b], strict=True)) for query, a, b in bounds}


def _aggregate(measure: ir_measures.Measure, per_query: dict[str, float]) -> float:
    aggregator = measure.aggregator()
    for value in per_query.values():
        aggregator.add(value)
    return float(aggregator.result())


def _shares(measure: ir_measures.Measure, per_query: dict[str, float]) -> dict[str, float]:
    if isinstance(measure, PnrMeasure) and measure["avg"] == "pooled":
        ratios: list[Any] = list(per_query.values())
        return dict(zip(per_query, pooled_shares(ratios), strict=True))
    return {query: float(value) for query, value in per_query.items()}


def _warn(result: Evaluation) -> None:
    if result.coverage_notes:
        warnings.warn("; ".join(result.coverage_notes), EvaluationWarning, stacklevel=3)
