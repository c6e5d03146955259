"""Measures of where the relevant documents rank: AP, P, R, RR, Rprec, Success and Judged, as in trec_eval.

All use the ranks in `JudgedRun`, so that one ranking, with one rule for ties, serves every measure. ``rel``: the lowest
relevant label. ``judged_only``: ranks are counted without unjudged documents (trec_eval's -J).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import ir_measures
import numpy as np
from numpy.typing import NDArray

from rankdistill.arrays import F64, I64
from rankdistill.errors import DataError, UsageError
from rankdistill.evaluation.judged_run import JudgedRun
from rankdistill.evaluation.measures.parameters import parameter


class Relevant:
    """The relevant candidates of a judged run, best first, under a measure's parameters.

    query: int64 (n,), rank: int64 (n,), from 1. total: float64 (Q,), all relevant documents of each query.
    cutoff: the last rank that counts; the greatest int64 for the whole list.
    """

    def __init__(self, measure: ir_measures.Measure, judged: JudgedRun) -> None:
        level = parameter(measure, "rel", 1)
        check_level(measure, level)
        check_grades(measure, judged)
        relevant = judged.labels >= level
        ranks = judged.ranks_among_judged if parameter(measure, "judged_only", False) else judged.ranks
        self.n_queries = judged.n_queries
        self.cutoff = parameter(measure, "cutoff", np.iinfo(np.int64).max)
        self.query, self.rank = judged.query_of[relevant], ranks[relevant]
        labels, query = judged.qrels["label"], judged.qrels.query_of_row
        self.total = np.bincount(query, labels >= level, judged.n_queries).astype(np.float64)

    def sum_by_query(self, values: NDArray[np.generic]) -> F64:
        """Sum values (n,) of the relevant candidates query by query: float64 (Q,)."""
        return np.bincount(self.query, values, self.n_queries).astype(np.float64)

    def within(self, cutoff: int | I64) -> F64:
        """Count each query's relevant candidates down to a rank, one for all or one per query: float64 (Q,)."""
        limit = cutoff if isinstance(cutoff, int) else cutoff[self.query]
        return self.sum_by_query(self.rank <= limit)


def average_precision(relevant: Relevant, judged: JudgedRun) -> F64:
    """Average the precision at the ranks of all relevant documents, 0 for those not in the list."""
    first = np.searchsorted(relevant.query, np.arange(relevant.n_queries))
    nth = np.arange(len(relevant.query)) - first[relevant.query] + 1
    precision = np.where(relevant.rank <= relevant.cutoff, nth / relevant.rank, 0.0)
    return ratio(relevant.sum_by_query(precision), relevant.total)


def precision(relevant: Relevant, judged: JudgedRun) -> F64:
    """Divide the relevant documents among the first k by k, also where the list is shorter."""
    return relevant.within(relevant.cutoff) / relevant.cutoff


def recall(relevant: Relevant, judged: JudgedRun) -> F64:
    """Divide the relevant documents among the first k by all relevant documents."""
    return ratio(relevant.within(relevant.cutoff), relevant.total)


def reciprocal_rank(relevant: Relevant, judged: JudgedRun) -> F64:
    """Compute 1 / rank of the first relevant document, 0 where it ranks below the cutoff."""
    values = np.zeros(relevant.n_queries)
    queries, firsts = np.unique(relevant.query, return_index=True)
    ranks = relevant.rank[firsts]
    values[queries] = np.where(ranks <= relevant.cutoff, 1.0 / ranks, 0.0)
    return values


def r_precision(relevant: Relevant, judged: JudgedRun) -> F64:
    """Compute the precision at rank R, the number of relevant documents."""
    return ratio(relevant.within(relevant.total.astype(np.int64)), relevant.total)


def success(relevant: Relevant, judged: JudgedRun) -> F64:
    """Compute 1 where a relevant document is among the first k, else 0."""
    return np.minimum(relevant.within(relevant.cutoff), 1.0)


BY_RELEVANCE: dict[str, Callable[[Relevant, JudgedRun], F64]] = {
    "AP": average_precision,
    "P": precision,
    "R": recall,
    "RR": reciprocal_rank,
    "Rprec": r_precision,
    "Success": success,
}


def relevance_values(measure: ir_measures.Measure, judged: JudgedRun) -> Sequence[float]:
    """Compute a measure of `BY_RELEVANCE` for each judged query, in the order of the qrels.

    Raises `DataError` for labels that are not integers, `UsageError` for a level of relevance below 1.
    """
    values: list[float] = BY_RELEVANCE[str(measure.NAME)](Relevant(measure, judged), judged).tolist()
    return values


def judged_values(measure: ir_measures.Measure, judged: JudgedRun) -> Sequence[float]:
    """Compute ``Judged@k``, the share of judged documents among the first k, or in a shorter list."""
    cutoff = parameter(measure, "cutoff", np.iinfo(np.int64).max)
    counts = np.bincount(judged.query_of, judged.ranks <= cutoff, judged.n_queries)
    values: list[float] = ratio(counts, np.minimum(judged.sizes, cutoff)).tolist()
    return values


def ratio(part: NDArray[np.generic], whole: NDArray[np.generic]) -> F64:
    """Divide, with 0 where ``whole`` is 0: float64."""
    return np.divide(part, whole, out=np.zeros(len(whole)), where=np.asarray(whole) > 0)


def check_level(measure: ir_measures.Measure, level: int) -> None:
    """Raise `UsageError` for a level at which unjudged documents would be relevant."""
    if level < 1:
        raise UsageError(f"{measure}: relevance begins at {level}, expected a level of at least 1")


def check_grades(measure: ir_measures.Measure, judged: JudgedRun) -> None:
    """Raise `DataError` where a label is no integer: 0.9 is neither relevant at 1 nor 0."""
    labels = judged.qrels["label"]
    fractional = np.flatnonzero(labels != np.rint(labels))
    if fractional.size:
        row = int(fractional[0])
        raise DataError(
            f"label {labels[row]} of {judged.qrels.pair_at(row)} ({fractional.size} such labels), but {measure} takes "
            "integer grades: map the labels to grades first"
        )
