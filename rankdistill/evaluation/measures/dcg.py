"""DCG, discounted cumulative gain, and nDCG, both with linear or exponential gain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ir_measures
import numpy as np
from ir_measures.measures.base import ParamInfo
from ir_measures.providers.base import NOT_PROVIDED
from numpy.typing import NDArray

from rankdistill.arrays import F32, F64, I64
from rankdistill.errors import DataError
from rankdistill.evaluation.judged_run import JudgedRun
from rankdistill.evaluation.measures.by_rank import ratio
from rankdistill.evaluation.measures.parameters import cutoff_of

GAINS = ("linear", "exp")
LARGEST_EXPONENT = 900


class DcgMeasure(ir_measures.Measure):
    """DCG@k = Σ_{i ≤ k} G_i / log2(i + 1), G the label (``gain="linear"``) or 2^label - 1 (``gain="exp"``).

    Unjudged documents and negative labels gain nothing, as in trec_eval's nDCG.
    Source: Järvelin & Kekäläinen 2002; exponential gain, Burges et al. 2005; PILE §4.3 (docs/papers.md).
    """

    __name__ = "DCG"
    NAME = __name__
    PRETTY_NAME = "Discounted Cumulative Gain"
    SHORT_DESC = "Sum of the labels, each discounted by the logarithm of its rank."
    SUPPORTED_PARAMS = {  # noqa: RUF012  (declared as an instance attribute by the base class)
        "cutoff": ParamInfo(dtype=int, required=False, desc="ranking cutoff threshold"),
        "gain": ParamInfo(dtype=str, choices=list(GAINS), default="linear", desc="label, or 2^label - 1"),
    }


DCG = DcgMeasure()


def dcg(labels: F32, offsets: I64, cutoff: int | None = None, gain: str = "linear") -> F64:
    """Compute each query's DCG: float64 (Q,).

    labels: float (N,), each query's candidates best first, NaN = unjudged. offsets: int64 (Q+1,).
    """
    sizes = np.diff(offsets)
    query = np.repeat(np.arange(len(sizes)), sizes)
    return discounted(labels, np.arange(len(labels)) - offsets[:-1][query] + 1, query, len(sizes), cutoff, gain)


def discounted(labels: F32, ranks: I64, query: I64, n_queries: int, cutoff: int | None, gain: str) -> F64:
    """Sum the gains of labels (J,), each discounted by its rank (J,), query by query (J,): float64 (Q,)."""
    gains = np.maximum(np.nan_to_num(labels.astype(np.float64), nan=0.0), 0.0)
    if gain == "exp":
        check_exponents(gains)
        gains = np.exp2(gains) - 1
    terms = gains / np.log2(ranks + 1)
    if cutoff is not None:
        terms[ranks > cutoff] = 0.0
    return np.bincount(query, weights=terms, minlength=n_queries).astype(np.float64)  # int64 for no rows


def check_exponents(labels: NDArray[Any]) -> None:
    """Raise `DataError` for a label y whose gain 2^y - 1, or the sum of many, is beyond a float64."""
    if (highest := labels.max(initial=0)) > LARGEST_EXPONENT:
        raise DataError(
            f"the exponential gain, 2^label - 1, takes labels up to {LARGEST_EXPONENT}, got {highest:g}: map the "
            "labels to grades first, or use the linear gain"
        )


def dcg_values(measure: ir_measures.Measure, judged: JudgedRun) -> Sequence[float]:
    """Compute each judged query's DCG, in the order of the qrels."""
    if measure["gain"] == "exp":
        check_exponents(judged.qrels["label"])
    values: list[float] = _reached(judged, judged.ranks, cutoff_of(measure), measure["gain"]).tolist()
    return values


def ndcg_values(measure: ir_measures.Measure, judged: JudgedRun) -> Sequence[float]:
    """Compute ``nDCG``: DCG over that of all judgments in the best order, 0 where that is 0.

    With linear gain the values are trec_eval's; with ``dcg='exp-log2'`` gdeval's, without its rounding to five
    decimals, its Perl and its limits on query ids.
    """
    cutoff, gain = cutoff_of(measure), "exp" if measure["dcg"] == "exp-log2" else "linear"
    qrels, labels = judged.qrels, judged.labels
    if measure["gains"] is not NOT_PROVIDED:
        mapped = _mapped(measure, qrels["label"])
        qrels, labels = qrels.with_columns(label=mapped), _mapped(measure, labels)
    best = qrels.ranked("label")
    ideal = dcg(best["label"], best.offsets, cutoff, gain)
    ranks = judged.ranks_among_judged if measure["judged_only"] is True else judged.ranks
    reached = discounted(labels, ranks, judged.query_of, judged.n_queries, cutoff, gain)
    values: list[float] = ratio(reached, ideal).tolist()
    return values


def _mapped(measure: ir_measures.Measure, labels: F32) -> F32:
    """Map labels by the measure's gains, {grade: gain}; grades that it does not name keep their value."""
    gains: Any = measure["gains"]
    mapped = labels.copy()
    for grade, value in gains.items():
        mapped[labels == grade] = value
    return mapped


def _reached(judged: JudgedRun, ranks: I64, cutoff: int | None, gain: str) -> F64:
    return discounted(judged.labels, ranks, judged.query_of, judged.n_queries, cutoff, gain)
