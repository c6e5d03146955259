"""Test whether one model labels pairs better than another: bootstrap of any metric, McNemar's test of accuracy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from rankdistill.arrays import F64
from rankdistill.errors import UnknownNameError, UsageError
from rankdistill.evaluation.pair_metrics import PAIR_METRICS

RESAMPLES = 1000


@dataclass(frozen=True)
class PairTest:
    """A paired test of two models' labels: its title, and its p-value."""

    title: str
    p_value: Callable[[F64, F64, F64, str], float]
    """(labels of the first model, of the second, the right ones, metric) -> two-sided p-value."""


def resampled(first: F64, second: F64, labels: F64, metric: str, resamples: int = RESAMPLES, seed: int = 0) -> F64:
    """Differences of a metric, second minus first, on resampled pairs and runs: float64 (resamples,).

    first, second: labels that a model's runs gave, (runs, N), as trainings by several seeds do. labels: the right ones,
    (N,). Both models are resampled by the same pairs and runs, with replacement. Raises `UnknownNameError` for a metric
    that is none of `PAIR_METRICS`.
    """
    if len(first) != len(second):
        raise UsageError(f"both models need as many runs, got {len(first)} and {len(second)}")
    first_values, second_values = (resampled_values(runs, labels, metric, resamples, seed) for runs in (first, second))
    return second_values - first_values


def resampled_values(runs: F64, labels: F64, metric: str, resamples: int = RESAMPLES, seed: int = 0) -> F64:
    """A metric on resampled pairs and runs, the mean over the runs: float64 (resamples,).

    The same seed resamples the same pairs and runs of every model, see `resampled` for the arguments and errors.
    """
    if metric not in PAIR_METRICS:
        raise UnknownNameError("metric", metric, PAIR_METRICS)
    if resamples < 1:
        raise UsageError(f"resamples must be at least 1, got {resamples}")
    rng, value = np.random.default_rng(seed), PAIR_METRICS[metric]
    values = np.empty(resamples)
    for place in range(resamples):
        pairs, drawn = rng.integers(0, len(labels), len(labels)), rng.integers(0, len(runs), len(runs))
        values[place] = np.mean([value(runs[run][pairs], labels[pairs]) for run in drawn])
    return values


def bootstrap_p(first: F64, second: F64, labels: F64, metric: str) -> float:
    """Two-sided p-value: twice the share of resamples in which the difference has not the sign that it has.

    Source: Efron and Tibshirani 1993, §15.4 (docs/papers.md); the 1 added, Phipson & Smyth 2010.
    """
    return p_of_resamples(resampled(first[None], second[None], labels, metric))


def p_of_resamples(differences: F64) -> float:
    """Two-sided p-value of resampled differences, see `bootstrap_p`."""
    least = min((differences <= 0).sum(), (differences >= 0).sum())
    return float(min(1.0, 2 * (1 + least) / (1 + len(differences))))


def mcnemar_p(first: F64, second: F64, labels: F64, metric: str = "accuracy") -> float:
    """Exact two-sided p-value of McNemar's test: are the pairs that one model alone has right shared evenly?

    1 where none is. Raises `UsageError` for another metric than accuracy. Source: McNemar 1947 (docs/papers.md).
    """
    if metric != "accuracy":
        raise UsageError(
            f"McNemar's test is of accuracy, got {metric}: test={next(iter(PAIR_TESTS))!r} tests any metric"
        )
    right, other = first == labels, second == labels
    wins, losses = int((right & ~other).sum()), int((other & ~right).sum())
    if not wins + losses:
        return 1.0
    from scipy.stats import binomtest  # takes a second to import

    return float(binomtest(wins, wins + losses).pvalue)


def pairwise(
    given: Sequence[F64], labels: F64, metric: str, test: str, advance: Callable[[int], None] = lambda n: None
) -> F64:
    """Test each pair of models: p-values float64 (S, S), symmetric, NaN on the diagonal and where there is no test.

    given: a model's labels each, (N,). test: a name of `PAIR_TESTS`. advance: told of each model that is done.
    """
    p = np.full((len(given), len(given)), np.nan)
    if test == "mcnemar" and metric != "accuracy":
        return p
    # The bootstrap resamples the same pairs for every model, so that its values are computed once a model.
    values: list[F64] = []
    for i, one in enumerate(given):
        if test == "bootstrap":
            values.append(resampled_values(one[None], labels, metric))
        for j in range(i):
            other = p_of_resamples(values[i] - values[j]) if test == "bootstrap" else mcnemar_p(given[j], one, labels)
            p[i, j] = p[j, i] = other
        advance(1)
    return p


def interval(differences: F64, level: float = 0.95) -> tuple[float, float]:
    """The middle ``level`` of resampled differences."""
    low, high = np.percentile(differences, [50 - 50 * level, 50 + 50 * level])
    return float(low), float(high)


PAIR_TESTS: dict[str, PairTest] = {
    "bootstrap": PairTest(f"paired bootstrap, {RESAMPLES:,} resamples", bootstrap_p),
    "mcnemar": PairTest("McNemar's exact test", mcnemar_p),
}
