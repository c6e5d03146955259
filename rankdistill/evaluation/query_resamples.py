"""Differences of two systems' means over resampled queries and runs: what an interval of a difference is made of."""

from __future__ import annotations

import numpy as np

from rankdistill.arrays import F64
from rankdistill.errors import UsageError
from rankdistill.evaluation.pair_significance import RESAMPLES


def resampled_means(first: F64, second: F64, resamples: int = RESAMPLES, seed: int = 0) -> F64:
    """Differences of means, second minus first, over resampled queries and runs: float64 (resamples,).

    first, second: a measure's value of every query in every run, (runs, Q), as trainings by several seeds have them. In
    each resample both systems have the same queries and runs, drawn with replacement. Source: Efron and Tibshirani 1993
    (docs/papers.md).
    """
    if first.shape != second.shape or first.ndim != 2 or not first.size:
        raise UsageError(f"got values of shapes {first.shape} and {second.shape}, expected (runs, queries) twice")
    if resamples < 1:
        raise UsageError(f"resamples must be at least 1, got {resamples}")
    rng, deltas = np.random.default_rng(seed), second - first
    n_runs, n_queries = deltas.shape
    differences = np.empty(resamples)
    for place in range(resamples):
        queries, runs = rng.integers(0, n_queries, n_queries), rng.integers(0, n_runs, n_runs)
        differences[place] = deltas[np.ix_(runs, queries)].mean()
    return differences
