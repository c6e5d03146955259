"""Ensembles that do not use labels: a single teacher, and the mean of several."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rankdistill.arrays import F64
from rankdistill.errors import DataError, UsageError


def mean(teacher_scores: ArrayLike) -> F64:
    """Average the teachers: float (K, N) -> float64 (N,), never outside a document's own lowest and highest score.

    Rounding can put the mean of equal scores one digit above them; the bounds undo that.
    Source: PILE §4.4, AE-KD (docs/papers.md).
    """
    scores = check_teacher_scores(teacher_scores)
    total = np.zeros(scores.shape[1])
    for teacher in scores:  # in order: NumPy's sum depends, in its last digits, on the memory layout
        total += teacher
    total /= len(scores)
    return np.clip(total, scores.min(axis=0), scores.max(axis=0), out=total)


def single(teacher_scores: ArrayLike) -> F64:
    """Return a single teacher's scores: float (1, N) -> float64 (N,).

    Raises `UsageError` for more than one teacher, as the choice would be arbitrary.
    """
    scores = check_teacher_scores(teacher_scores)
    if len(scores) != 1:
        raise UsageError(f"method 'single' takes one teacher, got {len(scores)}; use 'mean' or 'pile' for several")
    return scores[0].astype(np.float64)


def check_teacher_scores(teacher_scores: ArrayLike) -> NDArray[Any]:
    """Return the scores as a float32 or float64 array (K, N).

    Raises `UsageError` for another shape, `DataError` naming the teacher (row) and the candidate (column) of the first
    missing or infinite score.
    """
    scores = np.asarray(teacher_scores)
    if scores.dtype != np.float32:
        scores = scores.astype(np.float64, copy=False)
    if scores.ndim != 2 or not len(scores):
        raise UsageError(f"teacher scores must have shape (teachers, candidates), got {scores.shape}")
    finite = np.isfinite(scores)
    if not finite.all():
        teacher, row = (int(at[0]) for at in np.nonzero(~finite))
        raise DataError(
            f"teacher {teacher} has the score {scores[teacher, row]} at row {row} "
            f"({finite.size - int(finite.sum())} scores are missing or infinite in all), expected every teacher to "
            "score every candidate; `ensemble(..., missing=...)` can fill or drop"
        )
    return scores
