"""Evaluate a run part by part, so that a run of any size is measured in the memory of one part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from rankdistill.arrays import Bools
from rankdistill.data.candidates import Candidates, positions_of
from rankdistill.errors import DataError
from rankdistill.evaluation.conventions import Conventions
from rankdistill.evaluation.evaluate import Evaluation, MeasureName, Values, combined, load_kernels, values_of
from rankdistill.evaluation.judged import joined, judgments_of, not_judged
from rankdistill.evaluation.judged_run import OwnDocuments
from rankdistill.evaluation.measures.outside import Plan, plan
from rankdistill.evaluation.names import parse_measures


def evaluation_of_parts(
    qrels: Candidates,
    parts: Iterable[Candidates],
    measures: MeasureName | Sequence[MeasureName],
    conventions: Conventions | None = None,
) -> Evaluation:
    """Evaluate a run whose lists come in parts; the result is that of `evaluation` of all parts at once.

    parts: each with all candidates of its queries and one column of scores; they are taken one by one, and none is
    kept. Arguments and errors otherwise as in `evaluation`, and `DataError` for a judged query that is in two parts.
    """
    named = parse_measures(measures)
    load_kernels()
    chosen = plan(list(dict.fromkeys(named.values())))
    conventions = (conventions or Conventions()).under(qrels)
    judgments = judgments_of(qrels)
    seen = np.zeros(judgments.n_queries, np.bool_)
    found: list[Values] = []
    first_ids, a_list = None, None
    for part in parts:
        first_ids = part.query_ids if first_ids is None else first_ids
        places = np.flatnonzero(positions_of(judgments.query_ids, part.query_ids) >= 0)
        judged = joined(judgments.take_queries(places), part, None, conventions)
        if not judged.sizes.any():  # what it has of judged queries is dropped, so that the run lacks them
            none = values_of([], joined(judgments.take_queries(places[:0]), part, None, conventions))
            found.append(replace(none, own=judged.own))
            continue
        if seen[places].any():
            query = judgments.query_ids[int(places[seen[places]][0])].as_py()
            raise DataError(f"the list of query {query!r} is in two parts, and a part must have all of a query's list")
        seen[places] = True
        found.append(values_of(chosen, judged))
        a_list = judged.run.only_columns("score").take_queries(judged.lists[judged.sizes > 0][:1])
    if a_list is None:
        raise not_judged(judgments.query_ids, first_ids, sum(part.unjudged_queries for part in found))
    if not seen.all():
        found.append(_of_missing(chosen, judgments, seen, a_list, conventions))
    return combined(
        named, found, judgments.query_ids.to_pylist(), conventions.unjudged_under(qrels), conventions.identical_ids
    )


def _of_missing(
    chosen: Plan, judgments: Candidates, seen: Bools, a_list: Candidates, conventions: Conventions
) -> Values:
    """The values of judged queries (~seen) that the run lacks, beside ``a_list``, a judged list, as no run is empty."""
    also = positions_of(judgments.query_ids, a_list.query_ids) >= 0
    values = values_of(chosen, joined(judgments.take_queries(~seen | also), a_list, None, conventions))
    known = a_list.query_ids[0].as_py()
    per_query = {m: {q: v for q, v in each.items() if q != known} for m, each in values.per_query.items()}
    n_missing = int((~seen).sum())
    return replace(
        values,
        per_query=per_query,
        queries=n_missing,
        missing_queries=n_missing,
        unjudged_candidates=0,
        candidates=0,
        orders=None,
        own=OwnDocuments(),
    )
