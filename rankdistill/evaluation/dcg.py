"""DCG, discounted cumulative gain, linear or exponential; and nDCG with the exponential gain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import ir_measures
import numpy as np
from ir_measures.measures.base import ParamInfo
from ir_measures.providers.base import NOT_PROVIDED
from numpy.typing import NDArray

from rankdistill.data.candidates import Floats, Ints
from rankdistill.evaluation.judged import JudgedRun

GAINS = ("linear", "exp")


class DcgMeasure(ir_measures.Measure):
    """DCG@k = Σ_{i ≤ k} G_i / log2(i + 1), G the label (``gain="linear"``) or 2^label - 1 (``gain="exp"``).

    Unjudged documents and negative labels gain nothing, as in trec_eval's nDCG.
    Source: Järvelin & Kekäläinen 2002; exponential gain, Burges et al. 2005; PILE §4.3.
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


def dcg(labels: Floats, offsets: Ints, cutoff: int | None = None, gain: str = "linear") -> NDArray[np.float64]:
    """Compute each query's DCG: float64 (Q,).

    labels: float (N,), each query's candidates best first, NaN = unjudged. offsets: int64 (Q+1,).
    """
    sizes = np.diff(offsets)
    rank = np.arange(len(labels)) - np.repeat(offsets[:-1], sizes) + 1
    gains = np.maximum(np.nan_to_num(labels.astype(np.float64), nan=0.0), 0.0)
    if gain == "exp":
        gains = np.exp2(gains) - 1
    terms = gains / np.log2(rank + 1)
    if cutoff is not None:
        terms[rank > cutoff] = 0.0
    query_of_row = np.repeat(np.arange(len(sizes)), sizes)
    return np.bincount(query_of_row, weights=terms, minlength=len(sizes)).astype(np.float64)  # int64 for no rows


def dcg_values(measure: ir_measures.Measure, judged: JudgedRun) -> Sequence[float]:
    """Compute each judged query's DCG, in the order of the qrels."""
    values: list[float] = dcg(judged.labels, judged.offsets, cutoff_of(measure), measure["gain"]).tolist()
    return values


def exponential_ndcg_values(measure: ir_measures.Measure, judged: JudgedRun) -> Sequence[float]:
    """Compute ``nDCG(dcg='exp-log2')``: DCG over that of all judgments in the best order, 0 where that is 0.

    Equals gdeval's before its rounding to five decimals, but needs no Perl and takes any query id.
    """
    cutoff = cutoff_of(measure)
    ideal = dcg(judged.qrels.ranked("label")["label"], judged.qrels.offsets, cutoff, "exp")
    reached = dcg(judged.labels, judged.offsets, cutoff, "exp")
    values: list[float] = np.divide(reached, ideal, out=np.zeros_like(ideal), where=ideal > 0).tolist()
    return values


def cutoff_of(measure: ir_measures.Measure) -> int | None:
    """The rank that a measure stops at, None where it takes the whole list."""
    cutoff: Any = measure["cutoff"]
    return None if cutoff is NOT_PROVIDED else int(cutoff)
