"""Bring teachers whose scores live on different scales (a logit, a probability, BM25) to a common one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rankdistill.errors import UnknownNameError, UsageError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Scope = Literal["query", "all"]
SCOPES = get_args(Scope)


def normalize(scores: ArrayLike, offsets: ArrayLike, method: str, scope: str = "query") -> Floats:
    """Rescale one teacher's scores, float (N,), to float64 (N,), by a method of `NORMALIZATIONS`.

    Missing scores (NaN) stay missing and take no part. offsets: int (Q+1,). scope: "query" rescales each query's list
    by itself; "all" takes the data set as one list, which keeps a query of poor candidates below one of good ones.
    Source: METHODS §1.
    """
    if method not in NORMALIZATIONS:
        raise UnknownNameError("normalisation", method, NORMALIZATIONS)
    if scope not in SCOPES:
        raise UnknownNameError("normalisation scope", scope, SCOPES)
    values = np.asarray(scores, dtype=np.float64)
    bounds = np.asarray(offsets, dtype=np.int64)
    if values.ndim != 1 or not len(bounds) or bounds[-1] != len(values):
        raise UsageError(f"got scores of shape {values.shape} and offsets of shape {bounds.shape} that do not fit them")
    if scope == "all":
        bounds = np.array([0, len(values)])
    known = np.flatnonzero(~np.isnan(values))
    lists = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))[known]
    normalized = np.full(len(values), np.nan)
    normalized[known] = NORMALIZATIONS[method](values[known], lists)
    return normalized


def none(scores: Floats, lists: Ints) -> Floats:
    """Leave the scores as they are: the paper's case, teachers of one kind."""
    return scores


def center(scores: Floats, lists: Ints) -> Floats:
    """Shift to mean 0 and keep the scale: for teachers that learnt differences alone, each at a level of its own."""
    return scores - (np.bincount(lists, scores) / np.maximum(np.bincount(lists), 1))[lists]


def zscore(scores: Floats, lists: Ints) -> Floats:
    """Shift to mean 0 and scale to (population) standard deviation 1; a list of equal scores becomes 0."""
    centred = center(scores, lists)
    deviation = np.sqrt(np.bincount(lists, centred**2) / np.maximum(np.bincount(lists), 1))[lists]
    low, high = _extremes(scores, lists)
    return np.divide(centred, deviation, out=np.zeros_like(scores), where=(low < high) & (deviation > 0))


def minmax(scores: Floats, lists: Ints) -> Floats:
    """Map a list's lowest score to 0 and its highest to 1; a list of equal scores becomes 0.5."""
    low, high = _extremes(scores, lists)
    return np.divide(scores - low, high - low, out=np.full(len(scores), 0.5), where=high > low)


def rank(scores: Floats, lists: Ints) -> Floats:
    """Give the share of the list's other documents that a document beats, ties counting half; alone it gets 0.5."""
    order = np.lexsort((scores, lists))
    starts_list = np.diff(lists[order], prepend=-1) != 0
    starts_tie = starts_list | (np.diff(scores[order], prepend=np.nan) != 0)
    place = np.arange(len(scores)) - np.flatnonzero(starts_list)[np.cumsum(starts_list) - 1]
    tie = np.cumsum(starts_tie) - 1
    beaten = np.empty(len(scores))
    beaten[order] = (np.bincount(tie, place) / np.bincount(tie))[tie] if len(scores) else 0
    others = np.bincount(lists)[lists] - 1
    return np.divide(beaten, others, out=np.full(len(scores), 0.5), where=others > 0)


def _extremes(scores: Floats, lists: Ints) -> tuple[Floats, Floats]:
    """Each score's list's lowest and highest score."""
    n_lists = int(lists[-1]) + 1 if len(lists) else 0
    low, high = np.full(n_lists, np.inf), np.full(n_lists, -np.inf)
    np.minimum.at(low, lists, scores)
    np.maximum.at(high, lists, scores)
    return low[lists], high[lists]


Normalization = Literal["none", "center", "zscore", "minmax", "rank"]
NORMALIZATIONS: dict[str, Callable[[Floats, Ints], Floats]] = {
    "none": none,
    "center": center,
    "zscore": zscore,
    "minmax": minmax,
    "rank": rank,
}
