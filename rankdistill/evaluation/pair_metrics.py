"""Metrics of scored-pair tasks such as GLUE's: accuracy, F1, Matthews', Pearson's and Spearman's correlation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rankdistill.errors import DataError, MissingExtraError, UnknownNameError


def evaluate_pairs(predictions: ArrayLike, labels: ArrayLike, metrics: Sequence[str]) -> dict[str, float]:
    """Evaluate predictions (n,) against labels (n,) in metrics of `PAIR_METRICS`: {metric: value}.

    Predictions are classes for accuracy, f1 (of class 1) and matthews, which need ``rankdistill[glue]``, and numbers
    for pearson and spearman, which are 0 where either side is constant, as in GLUE. Raises `UnknownNameError` for
    an unknown metric, `DataError` for lengths that differ and for values that are missing or infinite.
    """
    for name in metrics:
        if name not in PAIR_METRICS:
            raise UnknownNameError("metric", name, PAIR_METRICS)
    predicted, truth = np.asarray(predictions), np.asarray(labels)
    if predicted.ndim != 1 or predicted.shape != truth.shape or not len(truth):
        raise DataError(f"predictions and labels must both have shape (pairs,), got {predicted.shape}, {truth.shape}")
    for what, values in (("prediction", predicted), ("label", truth)):
        if not np.isfinite(values.astype(np.float64)).all():
            raise DataError(f"a {what} is NaN or infinite, expected finite numbers")
    return {name: float(PAIR_METRICS[name](predicted, truth)) for name in metrics}


def _by_sklearn(function: str) -> Callable[[NDArray[Any], NDArray[Any]], float]:
    def compute(predicted: NDArray[Any], truth: NDArray[Any]) -> float:
        try:
            from sklearn import metrics
        except ImportError as error:
            raise MissingExtraError("metrics of classification", "glue") from error
        return float(getattr(metrics, function)(truth, predicted))

    return compute


def _by_scipy(function: str) -> Callable[[NDArray[Any], NDArray[Any]], float]:
    def compute(predicted: NDArray[Any], truth: NDArray[Any]) -> float:
        if len(truth) < 2 or np.ptp(predicted) == 0 or np.ptp(truth) == 0:
            return 0.0
        from scipy import stats  # takes a second to import

        return float(getattr(stats, function)(predicted, truth).statistic)

    return compute


PAIR_METRICS: dict[str, Callable[[NDArray[Any], NDArray[Any]], float]] = {
    "accuracy": _by_sklearn("accuracy_score"),
    "f1": _by_sklearn("f1_score"),
    "matthews": _by_sklearn("matthews_corrcoef"),
    "pearson": _by_scipy("pearsonr"),
    "spearman": _by_scipy("spearmanr"),
}
