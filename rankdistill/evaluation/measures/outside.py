"""Measures that the providers of ir_measures compute: which provider, what it gets, and what it gives.

A provider gets codes in place of ids, as some read ids as numbers or cut them, and our ranking without ties. It gets no
grade below 0 and none that is huge: some of that code ends the process for them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import ir_measures
import numpy as np

from rankdistill.arrays import I64
from rankdistill.errors import DataError, UsageError
from rankdistill.evaluation.judged_run import JudgedRun
from rankdistill.evaluation.measures.by_rank import check_grades, check_level
from rankdistill.evaluation.measures.provider import OWN

if TYPE_CHECKING:
    import pyarrow as pa

    from rankdistill.data.candidates import Candidates

Plan = list[tuple[ir_measures.Provider, list[ir_measures.Measure]]]
NEVER = ("gdeval",)
"""Providers whose values are not the measures': one cuts query ids to numbers and rounds to five decimals."""
LARGEST = 2**16
"""Providers reserve memory by the highest grade."""


def check_subtopics(measure: ir_measures.Measure, text: str) -> None:
    """Raise `UsageError` for a measure of diversity, which needs the judgments of each subtopic."""
    if str(measure.NAME) in DIVERSITY:
        raise UsageError(
            f"measure {text!r} needs judgments by subtopic, the second column of diversity qrels, which is not read "
            "here: compute it with ir_measures (pip install ir-measures[pyndeval])"
        )


DIVERSITY = frozenset(str(measure.NAME) for measure in ir_measures.pyndeval.SUPPORTED_MEASURES)


def plan(measures: Sequence[ir_measures.Measure]) -> Plan:
    """Choose a provider for each measure: ours first, then those of ir_measures in their order.

    Raises `UsageError` where nothing installed computes a measure.
    """
    left, chosen = list(measures), []
    for provider in usable():
        supported = [measure for measure in left if provider.supports(measure)]
        if supported and provider.is_available():
            chosen.append((provider, supported))
            left = [measure for measure in left if measure not in supported]
    if left:
        able = [provider for provider in usable() if provider.supports(left[0])]
        hints = [str(provider.install_instructions() or provider.NAME) for provider in able]
        raise UsageError(
            f"nothing installed computes the measure {str(left[0])!r}"
            + (f"; this would: {' or '.join(hints)}" if hints else " with these parameters")
        )
    return chosen


def usable() -> list[ir_measures.Provider]:
    """List our provider and those of ir_measures whose values are the measures'."""
    return [OWN, *(p for p in ir_measures.DefaultPipeline.providers if p is not OWN and p.NAME not in NEVER)]


def outside_values(
    provider: ir_measures.Provider, measures: Sequence[ir_measures.Measure], judged: JudgedRun
) -> dict[ir_measures.Measure, dict[str, float]]:
    """Compute measures by a provider of ir_measures: {measure: {query id: value}}, all judged queries, in their order.

    Raises `DataError` for grades that are no integers or too large, `UsageError` for a level of relevance below 1, and
    where the provider fails or gives no finite value for a query.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    for measure in measures:
        check_grades(measure, judged)
        if isinstance(level := measure.params.get("rel"), int):
            check_level(measure, level)
    labels = judged.qrels["label"]
    if labels.max() > LARGEST:
        row = int(labels.argmax())
        raise DataError(
            f"label {labels[row]:.0f} of {judged.qrels.pair_at(row)}, but {', '.join(map(str, measures))} "
            f"takes grades up to {LARGEST:,}: map the labels to grades first"
        )
    lists = judged.run.take_queries(judged.lists[judged.lists >= 0])
    documents = pc.unique(pa.concat_arrays([judged.qrels.doc_ids, lists.doc_ids]))
    places = lists.offsets[1:][lists.query_of_row] - np.arange(len(lists))
    queries = judged.qrels.query_ids
    qrels = _coded(judged.qrels, queries, documents, np.maximum(labels, 0).astype(np.int64))
    run = _coded(lists, queries, documents, places)  # above 0, which some providers read as not retrieved
    found: dict[ir_measures.Measure, dict[str, float]] = {measure: {} for measure in measures}
    try:
        for metric in provider.iter_calc(measures, qrels, run):
            found[metric.measure][metric.query_id] = float(metric.value)
    except (TypeError, ValueError, ArithmeticError, RuntimeError, LookupError) as error:
        raise UsageError(
            f"{provider.NAME} of ir_measures cannot compute {', '.join(map(str, measures))} here: {error}"
        ) from error
    values = {}
    for measure, by_code in found.items():
        values[measure] = {query: by_code.get(f"q{i}", math.nan) for i, query in enumerate(queries.to_pylist())}
        if odd := [query for query, value in values[measure].items() if not math.isfinite(value)]:
            raise UsageError(
                f"{provider.NAME} of ir_measures gives no finite {measure} for {len(odd)} queries, the first is "
                f"{odd[0]!r}"
            )
    return values


def _coded(candidates: Candidates, queries: pa.Array, documents: pa.Array, values: I64) -> dict[str, dict[str, int]]:
    """Convert to {code of query: {code of document: value}}, which ir_measures reads fastest."""
    from rankdistill.data.candidates import positions_of

    codes = [f"d{i}" for i in positions_of(candidates.doc_ids, documents).tolist()]
    names = [f"q{i}" for i in positions_of(candidates.query_ids, queries).tolist()]
    numbers, offsets = values.tolist(), candidates.offsets.tolist()
    bounds = zip(names, offsets[:-1], offsets[1:], strict=True)
    return {name: dict(zip(codes[a:b], numbers[a:b], strict=True)) for name, a, b in bounds}
