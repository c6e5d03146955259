"""Counts of queries and documents, NumQ, NumRel and NumRet, and Accuracy, the share of pairs in the right order."""

from __future__ import annotations

from collections.abc import Sequence

import ir_measures
import numpy as np
from ir_measures.providers.base import NOT_PROVIDED

from rankdistill.evaluation.judged_run import JudgedRun
from rankdistill.evaluation.measures.by_rank import Relevant


def num_q_values(measure: ir_measures.Measure, judged: JudgedRun) -> Sequence[float]:
    """Compute 1 for each judged query, also where the run lacks it, as ``trec_eval -c``."""
    return [1.0] * judged.n_queries


def num_rel_values(measure: ir_measures.Measure, judged: JudgedRun) -> Sequence[float]:
    """Count each judged query's relevant documents, also where the run lacks the query, as ``trec_eval -c``."""
    values: list[float] = Relevant(measure, judged).total.tolist()
    return values


def num_ret_values(measure: ir_measures.Measure, judged: JudgedRun) -> Sequence[float]:
    """Count each judged query's candidates, or the relevant ones where the measure has a level of relevance."""
    if measure["rel"] is NOT_PROVIDED:
        return [float(size) for size in judged.sizes.tolist()]
    relevant = Relevant(measure, judged)
    values: list[float] = relevant.within(relevant.cutoff).tolist()
    return values


def accuracy_values(measure: ir_measures.Measure, judged: JudgedRun) -> Sequence[float]:
    """Compute the share of pairs, of a relevant and another candidate among the first k, that rank the relevant first.

    NaN, which the mean leaves out, where there is no such pair. Unjudged candidates are not relevant.
    """
    relevant = Relevant(measure, judged)
    inside = relevant.rank <= relevant.cutoff
    query, rank = relevant.query[inside], relevant.rank[inside]
    n_relevant = np.bincount(query, minlength=relevant.n_queries).astype(np.float64)
    first = np.searchsorted(query, np.arange(relevant.n_queries))
    others_above = rank - 1 - (np.arange(len(query)) - first[query])
    wrong = np.bincount(query, others_above, relevant.n_queries)
    pairs = n_relevant * (np.minimum(judged.sizes, relevant.cutoff) - n_relevant)
    values: list[float] = (1 - np.divide(wrong, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)).tolist()
    return values
