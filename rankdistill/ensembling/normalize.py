"""Bring teachers' scores of different scales (logits, probabilities, BM25) to a common scale."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from rankdistill.arrays import F64, I64, Floats
from rankdistill.data.candidates import Candidates
from rankdistill.errors import UnknownNameError, UsageError

Scope = Literal["query", "all"]
SCOPES = get_args(Scope)
LARGEST_RATIO = 5.0


def normalize(scores: ArrayLike, offsets: ArrayLike, method: str, scope: str = "query") -> F64:
    """Rescale one teacher's scores, float (N,), to float64 (N,), by a method of `NORMALIZATIONS`.

    Missing scores (NaN) stay missing and do not affect the others. offsets: int (Q+1,). scope: "query" rescales each
    query's list separately; "all" rescales all rows as one list, which keeps a query of poor candidates below one of
    good ones. Raises `UnknownNameError` for an unknown method or scope. PILE itself does not normalise
    (docs/papers.md).
    """
    if method not in NORMALIZATIONS:
        raise UnknownNameError("normalization", method, NORMALIZATIONS)
    if scope not in SCOPES:
        raise UnknownNameError("normalization scope", scope, SCOPES)
    values = np.asarray(scores, dtype=np.float64)
    bounds = np.asarray(offsets, dtype=np.int64)
    if values.ndim != 1 or not len(bounds) or bounds[-1] != len(values):
        raise UsageError(f"got scores of shape {values.shape} and offsets of shape {bounds.shape} that do not fit them")
    if method == "none":
        return values.copy() if values is scores else values
    if scope == "all":
        bounds = np.array([0, len(values)])
    known = np.flatnonzero(~np.isnan(values))
    lists = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))[known]
    rescaled = np.full(len(values), np.nan)
    rescaled[known] = NORMALIZATIONS[method](values[known], lists)
    return rescaled


@dataclass(frozen=True)
class Scale:
    """A teacher's scores that are there, over all candidates: mean, (population) standard deviation and extremes."""

    mean: float
    deviation: float
    low: float
    high: float

    def rescaled(self, scores: F64, method: str) -> F64:
        """Rescale scores, float64 (N,), of some of the candidates by "center", "zscore" or "minmax"; NaN stays NaN."""
        if method == "center":
            return scores - self.mean
        if method == "zscore" and self.low < self.high and self.deviation > 0:
            return (scores - self.mean) / self.deviation
        if method == "minmax" and self.high > self.low:
            return (scores - self.low) / (self.high - self.low)
        return np.where(np.isnan(scores), np.nan, 0.0 if method == "zscore" else 0.5)


def normalized(
    candidates: Candidates,
    teachers: Sequence[str],
    method: str,
    scope: str,
    scales: Mapping[str, Scale] | None = None,
) -> dict[str, Floats]:
    """Rescale teachers' columns by `normalize`: {teacher: float64 (N,), or the float32 column itself for "none"}.

    scales: those of all candidates, where these are a part of them and all are normalised as one list.
    """
    if method == "none" and scope in SCOPES:
        return {name: candidates[name] for name in teachers}
    if scales is not None:
        return {name: scales[name].rescaled(candidates[name].astype(np.float64), method) for name in teachers}
    return {name: normalize(candidates[name], candidates.offsets, method, scope) for name in teachers}


def warn_of_scales(columns: Mapping[str, Floats]) -> None:
    """Warn (`UserWarning`) where teachers' standard deviations differ by more than `LARGEST_RATIO`.

    columns: {teacher: float (N,), NaN = missing}. The teacher of the largest scale then decides the mean almost alone.
    Constant teachers do not count.
    """
    deviations = {
        name: float(np.nanstd(values, dtype=np.float64))
        for name, values in columns.items()
        if not np.isnan(values).all()
    }
    deviations = {name: deviation for name, deviation in deviations.items() if deviation > 0}
    if len(deviations) < 2:
        return
    widest, narrowest = max(deviations, key=deviations.__getitem__), min(deviations, key=deviations.__getitem__)
    ratio = deviations[widest] / deviations[narrowest]
    if ratio > LARGEST_RATIO:
        warnings.warn(
            f"teachers differ in scale: the standard deviation of {widest} ({deviations[widest]:.3g}) is {ratio:.1f} "
            f"times that of {narrowest} ({deviations[narrowest]:.3g}), so that {widest} dominates the ensemble; use "
            "normalize='zscore' (--normalize zscore) to give teachers equal weight",
            UserWarning,
            stacklevel=3,
        )


def none(scores: F64, lists: I64) -> F64:
    """Keep the scores, as PILE does with teachers of one kind."""
    return scores


def center(scores: F64, lists: I64) -> F64:
    """Shift to mean 0 and keep the scale: for teachers trained on differences, whose levels are arbitrary."""
    return scores - (np.bincount(lists, scores) / np.maximum(np.bincount(lists), 1))[lists]


def zscore(scores: F64, lists: I64) -> F64:
    """Shift to mean 0 and scale to (population) standard deviation 1; a list of equal scores becomes 0."""
    centred = center(scores, lists)
    deviation = np.sqrt(np.bincount(lists, centred**2) / np.maximum(np.bincount(lists), 1))[lists]
    low, high = _extremes(scores, lists)
    return np.divide(centred, deviation, out=np.zeros_like(scores), where=(low < high) & (deviation > 0))


def minmax(scores: F64, lists: I64) -> F64:
    """Map a list's lowest score to 0 and its highest to 1; a list of equal scores becomes 0.5."""
    low, high = _extremes(scores, lists)
    return np.divide(scores - low, high - low, out=np.full(len(scores), 0.5), where=high > low)


def rank(scores: F64, lists: I64) -> F64:
    """Compute the share of the list's other documents with a lower score, ties counting half; 0.5 for a single one."""
    order = np.lexsort((scores, lists))
    starts_list = np.diff(lists[order], prepend=-1) != 0
    starts_tie = starts_list | (np.diff(scores[order], prepend=np.nan) != 0)
    place = np.arange(len(scores)) - np.flatnonzero(starts_list)[np.cumsum(starts_list) - 1]
    tie = np.cumsum(starts_tie) - 1
    beaten = np.empty(len(scores))
    beaten[order] = (np.bincount(tie, place) / np.bincount(tie))[tie] if len(scores) else 0
    others = np.bincount(lists)[lists] - 1
    return np.divide(beaten, others, out=np.full(len(scores), 0.5), where=others > 0)


def _extremes(scores: F64, lists: I64) -> tuple[F64, F64]:
    """Get the lowest and highest score of each score's list."""
    n_lists = int(lists[-1]) + 1 if len(lists) else 0
    low, high = np.full(n_lists, np.inf), np.full(n_lists, -np.inf)
    np.minimum.at(low, lists, scores)
    np.maximum.at(high, lists, scores)
    return low[lists], high[lists]


Normalization = Literal["none", "center", "zscore", "minmax", "rank"]
NORMALIZATIONS: dict[str, Callable[[F64, I64], F64]] = {
    "none": none,
    "center": center,
    "zscore": zscore,
    "minmax": minmax,
    "rank": rank,
}
