"""Metrics of scored-pair tasks such as GLUE's: accuracy, F1, Matthews', Pearson's and Spearman's correlation."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rankdistill.arrays import Bools
from rankdistill.data.scored_pairs import HIDDEN
from rankdistill.errors import DataError, MissingExtraError, UnknownNameError


def evaluate_pairs(
    predictions: ArrayLike, labels: ArrayLike, metrics: Sequence[str], hidden: float | None = HIDDEN
) -> dict[str, float]:
    """Evaluate predictions (n,) against labels (n,) in metrics of `PAIR_METRICS`: {metric: value}.

    Predictions are classes for accuracy, f1 (of class 1) and matthews, which need ``rankdistill[glue]``, and numbers
    for pearson and spearman, which are 0 where either side is constant, as in GLUE.

    hidden: the label of a pair whose label is not known; such pairs are left out, with a warning that counts them.
    None: every label is known. A prediction of this label, or another label below 0, shows that it is an ordinary one.
    Raises `UnknownNameError` for an unknown metric, `DataError` for lengths that differ, for values that are missing,
    infinite or no numbers, for classes that are no whole numbers or too many for f1, and where every label is hidden.
    """
    for name in metrics:
        if name not in PAIR_METRICS:
            raise UnknownNameError("metric", name, PAIR_METRICS)
    predicted, truth = np.asarray(predictions), np.asarray(labels)
    if predicted.ndim != 1 or predicted.shape != truth.shape or not len(truth):
        raise DataError(f"predictions and labels must both have shape (pairs,), got {predicted.shape}, {truth.shape}")
    for what, values in (("prediction", predicted), ("label", truth)):
        try:
            finite = np.isfinite(values.astype(np.float64))
        except (TypeError, ValueError) as error:
            raise DataError(f"a {what} is no number ({error}): map classes to their numbers") from error
        if not finite.all():
            raise DataError(f"a {what} is NaN or infinite, expected finite numbers")
    known = _known(predicted, truth, hidden)
    if not known.any():
        raise DataError(
            f"all {len(truth):,} labels are {hidden:g}, which means that they are hidden: give labels to measure with, "
            "or hidden=None if it is a class"
        )
    if not known.all():
        warnings.warn(
            f"{int((~known).sum()):,} of {len(truth):,} pairs have the label {hidden:g}, which means that it is "
            "hidden, and are left out (hidden=None if it is a class)",
            stacklevel=2,
        )
        predicted, truth = predicted[known], truth[known]
    _check_classes(predicted, truth, [name for name in metrics if name in METRICS_OF_CLASSES])
    return {name: float(PAIR_METRICS[name](predicted, truth)) for name in metrics}


def check_metrics_installed(metrics: Sequence[str]) -> None:
    """Raise `MissingExtraError` where one of the metrics needs a package that is not installed."""
    needing = [name for name in metrics if name in METRICS_OF_CLASSES]
    if needing and find_spec("sklearn") is None:
        raise MissingExtraError(f"the measure {needing[0]}", "glue")


def _check_classes(predicted: NDArray[Any], truth: NDArray[Any], metrics: Sequence[str]) -> None:
    """Raise `DataError` for numbers that metrics of classes cannot compare, as probabilities are."""
    if not metrics:
        return
    for what, values in (("prediction", predicted), ("label", truth)):
        numbers = values.astype(np.float64)
        if len(parts := numbers[numbers != np.floor(numbers)]):
            raise DataError(
                f"a {what} is {parts[0]:g}, expected the number of a class, which {metrics[0]} compares: of "
                "probabilities or logits give the place of the highest, and of similarities take pearson or spearman"
            )
    if "f1" in metrics:
        classes = np.union1d(predicted.astype(np.float64), truth.astype(np.float64))
        if len(classes) > 2 or (len(classes) == 2 and 1 not in classes):
            shown = ", ".join(f"{each:g}" for each in classes[:10])
            raise DataError(f"f1 is of class 1 against one other, got the classes {shown}: take accuracy or matthews")


def _known(predicted: NDArray[Any], truth: NDArray[Any], hidden: float | None) -> Bools:
    """Tell which pairs have a label that is not hidden, bool (n,)."""
    known = np.ones(len(truth), np.bool_) if hidden is None else truth != hidden
    ordinary = (predicted == hidden).any() or (truth[known] < 0).any()
    return np.ones_like(known) if ordinary and known.any() else known


def _by_sklearn(function: str) -> Callable[[NDArray[Any], NDArray[Any]], float]:
    def compute(predicted: NDArray[Any], truth: NDArray[Any]) -> float:
        try:
            from sklearn import metrics
        except ImportError as error:
            raise MissingExtraError(f"sklearn.metrics.{function}", "glue") from error
        return float(getattr(metrics, function)(truth, predicted))

    return compute


def _by_scipy(function: str) -> Callable[[NDArray[Any], NDArray[Any]], float]:
    def compute(predicted: NDArray[Any], truth: NDArray[Any]) -> float:
        if len(truth) < 2 or np.ptp(predicted) == 0 or np.ptp(truth) == 0:
            return 0.0
        from scipy import stats  # takes a second to import

        return float(getattr(stats, function)(predicted, truth).statistic)

    return compute


METRICS_OF_CLASSES = ("accuracy", "f1", "matthews")
"""Of `PAIR_METRICS`, those of scikit-learn."""
PAIR_METRICS: dict[str, Callable[[NDArray[Any], NDArray[Any]], float]] = {
    "accuracy": _by_sklearn("accuracy_score"),
    "f1": _by_sklearn("f1_score"),
    "matthews": _by_sklearn("matthews_corrcoef"),
    "pearson": _by_scipy("pearsonr"),
    "spearman": _by_scipy("spearmanr"),
}
