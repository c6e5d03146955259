"""PNR, the positive-negative ratio: pairs that the scores order as the labels do, over pairs ordered against them."""

from __future__ import annotations

from collections.abc import Sequence

import ir_measures
import numpy as np
from ir_measures.measures.base import Agg, MeanAgg, ParamInfo
from numpy.typing import ArrayLike

from rankdistill.arrays import F64, I64, Floats
from rankdistill.data.offsets import checked_offsets
from rankdistill.errors import DataError, UsageError
from rankdistill.evaluation.judged_run import JudgedRun

FEW_PAIRS = 2_000_000
"""Comparisons that NumPy does in some milliseconds."""


def pnr(scores: ArrayLike, labels: ArrayLike, offsets: ArrayLike) -> float:
    """Compute the PNR of all queries' pairs pooled: Σ_q concordant / Σ_q discordant.

    scores: float (N,). labels: float (N,), NaN = unjudged, in no pair. offsets: int64 (Q+1,). inf where no pair is
    reversed; NaN where no two labels of a query differ. Raises as `pnr_counts` does.
    Source: PILE §4.3 (docs/papers.md).

    >>> import rankdistill as rd
    >>> rd.pnr(scores=[0.9, 0.5, 0.4, 0.1], labels=[2, 0, 1, 0], offsets=[0, 4])
    4.0
    """
    concordant, discordant = pnr_counts(scores, labels, offsets)
    return pooled_ratio(int(concordant.sum()), int(discordant.sum()))


def pnr_counts(scores: ArrayLike, labels: ArrayLike, offsets: ArrayLike) -> tuple[I64, I64]:
    """Count each query's concordant and discordant pairs: two int64 (Q,), in O(n log n) for a query of n candidates.

    A pair is two candidates of a query with different labels: concordant where the higher label has the higher score,
    discordant where it has the lower; equal scores count as neither. Scores compare in the dtype given (float32 or
    float64). Raises `DataError` for a score that is NaN or infinite, `UsageError` for shapes that do not fit.
    """
    values = np.asarray(scores)
    if values.dtype != np.float32:
        values = values.astype(np.float64, copy=False)
    grades = np.asarray(labels, dtype=np.float64)
    if values.ndim != 1 or grades.shape != values.shape:
        raise UsageError(f"scores and labels must both have shape (candidates,), got {values.shape} and {grades.shape}")
    bounds = checked_offsets(offsets, len(values))
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise DataError(f"score {values[bad[0]]} at row {bad[0]} ({bad.size} such rows), expected finite numbers")
    if (np.diff(bounds).astype(np.float64) ** 2).sum() <= FEW_PAIRS:
        return count_few(values, grades, bounds)
    from rankdistill.evaluation.measures.pnr_kernel import count_queries  # Numba is loaded where it is worth it

    counts = np.zeros((2, len(bounds) - 1), np.int64)
    count_queries(np.ascontiguousarray(values), np.ascontiguousarray(grades), bounds, counts)
    return counts[0], counts[1]


def count_few(scores: Floats, labels: F64, offsets: I64) -> tuple[I64, I64]:
    """Count the pairs of few candidates by comparing all with all, in less time than Numba takes to start.

    Arguments and result are those of `pnr_counts`, checked.
    """
    counts = np.zeros((2, len(offsets) - 1), np.int64)
    for q in range(len(offsets) - 1):
        rows = slice(int(offsets[q]), int(offsets[q + 1]))
        judged = np.flatnonzero(~np.isnan(labels[rows]))
        s, y = scores[rows][judged], labels[rows][judged]
        higher = y[:, None] > y
        counts[:, q] = (higher & (s[:, None] > s)).sum(), (higher & (s[:, None] < s)).sum()
    return counts[0], counts[1]


def pooled_ratio(concordant: int, discordant: int) -> float:
    """Divide concordant by discordant: inf where none is discordant, NaN where both are 0."""
    if discordant:
        return concordant / discordant
    return float("inf") if concordant else float("nan")


# -- the measure -------------------------------------------------------------------------------------------------------


class PairRatio(float):
    """One query's PNR, concordant / max(1, discordant), with its counts, so that they can be pooled."""

    concordant: int
    discordant: int

    def __new__(cls, concordant: int, discordant: int) -> PairRatio:
        ratio = super().__new__(cls, concordant / max(1, discordant))
        ratio.concordant, ratio.discordant = concordant, discordant
        return ratio

    def __reduce__(self) -> tuple[type[PairRatio], tuple[int, int]]:
        return PairRatio, (self.concordant, self.discordant)


class PooledPairs(Agg):
    """Sum the counts of all queries' `PairRatio`s before dividing."""

    def __init__(self) -> None:
        self.concordant = self.discordant = 0

    def add(self, value: PairRatio) -> None:  # type: ignore[override]
        self.concordant += value.concordant
        self.discordant += value.discordant

    def result(self) -> float:
        return pooled_ratio(self.concordant, self.discordant)


def pooled_shares(ratios: Sequence[PairRatio]) -> list[float]:
    """Give each query its share in the pooled ratio R = ΣC / ΣD: R + (C_q - R · D_q) / mean(D), whose mean is R.

    A paired test on these is the delta method's test of the pooled ratio. A test on the queries' own ratios would test
    another quantity, which the few queries with hardly a reversed pair dominate. NaN where R is not finite.
    Source: Deng, Knoblich & Lu 2018, arXiv:1803.06336, §2.
    """
    pooled = pooled_ratio(sum(r.concordant for r in ratios), sum(r.discordant for r in ratios))
    mean = sum(r.discordant for r in ratios) / max(1, len(ratios))
    if not np.isfinite(pooled):
        return [float("nan")] * len(ratios)
    return [pooled + (r.concordant - pooled * r.discordant) / mean for r in ratios]


class PnrMeasure(ir_measures.Measure):
    """PNR over the candidates of a run; its per-query values have the denominator 1 where no pair is reversed."""

    __name__ = "PNR"
    NAME = __name__
    PRETTY_NAME = "Positive-Negative Ratio"
    SHORT_DESC = "Pairs in the order of the labels over pairs in the reverse order."
    SUPPORTED_PARAMS = {  # noqa: RUF012  (declared as an instance attribute by the base class)
        "avg": ParamInfo(
            dtype=str,
            choices=["pooled", "macro"],
            default="pooled",
            desc="pool the pairs of all queries, or average the queries' ratios",
        )
    }
    DEFAULT = PairRatio(0, 0)

    def aggregator(self) -> Agg:
        """Pool or average the queries' counts, by the parameter ``avg``."""
        return MeanAgg() if self["avg"] == "macro" else PooledPairs()


PNR = PnrMeasure()


def pnr_values(measure: ir_measures.Measure, judged: JudgedRun) -> Sequence[float]:
    """Compute each judged query's `PairRatio`, in the order of the qrels."""
    if judged.unjudged == "missing":
        counts = pnr_counts(judged.scores, judged.labels, judged.offsets)
    else:  # every candidate of the run is in pairs
        concordant, discordant = pnr_counts(judged.run["score"], np.nan_to_num(judged.run["label"]), judged.run.offsets)
        in_run = judged.lists >= 0
        counts = np.where(in_run, concordant[judged.lists], 0), np.where(in_run, discordant[judged.lists], 0)
    return [PairRatio(*pair) for pair in zip(*(c.tolist() for c in counts), strict=True)]
