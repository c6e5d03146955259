"""Evaluate a run against judgments in the measures of ir_measures, and in PNR and DCG.

Values are trec_eval's where it has the measure: scores compare as float32, as in trec_eval 9 and pytrec_eval; ties go
to the larger document id (byte order); the rank column plays no part; nDCG has a linear gain and an ideal over all
judgments; a judged query that the run lacks counts as 0, as does one without a relevant document. A run is ranked
once, for all measures; ``ties`` and `read_run`'s ``precision`` name what others do instead.
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

from rankdistill.data.candidates import Candidates, Ties
from rankdistill.errors import UsageError
from rankdistill.evaluation.judged import JudgedRun, Unjudged, judge
from rankdistill.evaluation.measures.by_rank import check_grades
from rankdistill.evaluation.measures.pnr import PNR, PnrMeasure, pnr_values, pooled_shares
from rankdistill.evaluation.measures.provider import OWN, own_values
from rankdistill.evaluation.names import parse_measures
from rankdistill.progress import first_use

MeasureName = str | ir_measures.Measure


class EvaluationWarning(UserWarning):
    """Something about the coverage of an evaluation that changes how its values read."""


@dataclass(frozen=True)
class Evaluation:
    """What a run reached, and what it was measured on."""

    values: dict[str, float]
    """Measure -> its value over all judged queries."""
    per_query: dict[str, dict[str, float]]
    """Measure -> query id -> value. For PNR: concordant / max(1, discordant) of the query."""
    shares: dict[str, dict[str, float]]
    """What a paired test compares, the same as ``per_query`` but for pooled PNR: see `pooled_shares`."""
    queries: int
    """Judged queries."""
    missing_queries: int
    """Judged queries for which the run has no candidate; they count as 0."""
    unjudged_queries: int
    """Queries of the run without a judgment; they are ignored."""
    unreversed_queries: int | None
    """Judged queries without a reversed pair, whose denominator is 1; None unless ``PNR(avg=macro)`` was asked for."""

    @property
    def notes(self) -> list[str]:
        """What should be said beside the values, in sentences; empty where every query counts as it should."""
        notes = []
        if self.missing_queries:
            notes.append(f"{self.missing_queries} of {self.queries} judged queries are not in the run and count as 0")
        if self.unjudged_queries:
            notes.append(f"{self.unjudged_queries} queries of the run are not judged and are ignored")
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
    unjudged: Unjudged = "missing",
    ties: Ties = "trec",
) -> dict[str, float]:
    """Evaluate a run: {measure as given: value over all judged queries}.

    qrels: column "label", NaN = no judgment. run: scores in the column ``by`` (the first if None), finite. measures:
    ir_measures names such as ``nDCG@10 RR@10 AP P@10 R@100 ERR Judged@10``, ``PNR`` (pairs of all queries pooled),
    ``PNR(avg=macro)``, ``DCG@10``, ``DCG(gain=exp)@10``. PNR's pairs are the judged candidates of the run;
    unjudged="irrelevant" gives the others grade 0, as the other measures do, which suits collections where only what is
    relevant was written down. ties: the rule for equal scores, for all measures; see `Candidates.ranking`.
    Warns (`EvaluationWarning`) of judged queries that the run lacks and of queries ignored; `evaluation` counts them.
    Raises `UnknownNameError` for an unknown measure, `DataError` for scores that are missing or infinite, for labels
    that are no integers where the measure takes grades, and where no query of the run is judged.
    """
    result = evaluation(qrels, run, measures, by, unjudged, ties)
    _warn(result)
    return result.values


def evaluate_per_query(
    qrels: Candidates,
    run: Candidates,
    measures: MeasureName | Sequence[MeasureName],
    by: str | None = None,
    unjudged: Unjudged = "missing",
    ties: Ties = "trec",
) -> dict[str, dict[str, float]]:
    """Evaluate a run query by query: {measure as given: {query id: value}}; see `evaluate`."""
    result = evaluation(qrels, run, measures, by, unjudged, ties)
    _warn(result)
    return result.per_query


def evaluation(
    qrels: Candidates,
    run: Candidates,
    measures: MeasureName | Sequence[MeasureName],
    by: str | None = None,
    unjudged: Unjudged = "missing",
    ties: Ties = "trec",
) -> Evaluation:
    """Evaluate a run, with everything there is to say about it and without warning; see `evaluate`."""
    named = parse_measures(measures)
    _load_kernels()
    plan = _plan(list(dict.fromkeys(named.values())))
    judged = judge(qrels, run, by, unjudged, ties)
    per_query: dict[ir_measures.Measure, dict[str, float]] = {}
    for provider, mine in plan:
        if provider is OWN:
            per_query |= {measure: own_values(measure, judged) for measure in mine}
        else:
            per_query |= _by_ir_measures(provider, mine, judged)
    values = {name: _aggregate(measure, per_query[measure]) for name, measure in named.items()}
    macro = [m for m in per_query if isinstance(m, PnrMeasure) and m["avg"] == "macro"]
    return Evaluation(
        values,
        {name: {q: float(v) for q, v in per_query[measure].items()} for name, measure in named.items()},
        {name: _shares(measure, per_query[measure]) for name, measure in named.items()},
        judged.n_queries,
        judged.missing_queries,
        judged.unjudged_queries,
        sum(not pairs.discordant for pairs in per_query[macro[0]].values()) if macro else None,  # type: ignore[attr-defined]
    )


@cache
def _load_kernels() -> None:
    """Have the kernels ready before anything is timed by a bar or a person."""
    with first_use("the kernels that evaluate"):
        tied = Candidates.from_rows(["q", "q"], ["a", "b"], {"label": [1.0, 1.0]})
        pnr_values(PNR, judge(tied, tied))


def _plan(measures: list[ir_measures.Measure]) -> list[tuple[ir_measures.Provider, list[ir_measures.Measure]]]:
    """Who computes what: ours first, then ir_measures' providers in their order."""
    plan = []
    for provider in (OWN, *ir_measures.DefaultPipeline.providers):
        mine = [measure for measure in measures if provider.supports(measure)]
        if mine and provider.is_available():
            plan.append((provider, mine))
            measures = [measure for measure in measures if measure not in mine]
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
    run = _lists(lists, places)  # our ranking without ties; above 0, which some take for not found
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
    """{query id: {document id: value}}, what ir_measures reads fastest."""
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
    if result.notes:
        warnings.warn("; ".join(result.notes), EvaluationWarning, stacklevel=3)
