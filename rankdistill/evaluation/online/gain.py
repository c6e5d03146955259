"""Gain of one system over another, from wins, losses and ties, with its confidence interval."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtri


@dataclass(frozen=True)
class Gain:
    """scale · (wins - losses) / (wins + losses + ties) of system A against B."""

    value: float
    low: float
    """Lower end of the confidence interval; NaN for fewer than two queries."""
    high: float
    confidence: float
    wins: int
    losses: int
    ties: int
    queries: int

    def __str__(self) -> str:
        return (
            f"{self.value:+.4f} [{self.low:+.4f}, {self.high:+.4f}] at {self.confidence:.0%}: {self.wins:,} wins, "
            f"{self.losses:,} losses, {self.ties:,} ties in {self.queries:,} queries"
        )


def gain(outcomes: ArrayLike, query_of: ArrayLike, scale: float = 1.0, confidence: float = 0.95) -> Gain:
    """Compute the gain from outcomes int (n,), 1 a win of A, -1 a loss, 0 a tie, and their queries, int (n,).

    Outcomes of one query depend on each other, so queries are the independent units: the interval is the normal one of
    a ratio of sums over queries. Source: interleaving, Chapelle et al. 2012 §4 (scale 0.5); GSB, PILE §4.3 (scale 1);
    docs/papers.md.
    """
    signs = np.asarray(outcomes, np.int64)
    queries, query = np.unique(np.asarray(query_of), return_inverse=True)
    n, n_queries = len(signs), len(queries)
    if not n:
        return Gain(math.nan, math.nan, math.nan, confidence, 0, 0, 0, 0)
    value = scale * float(signs.sum()) / n
    low = high = math.nan
    if n_queries > 1:
        sizes = np.bincount(query, minlength=n_queries)
        off = scale * np.bincount(query, signs, n_queries) - value * sizes
        error = math.sqrt(float((off**2).sum()) * n_queries / (n_queries - 1)) / n
        reach = float(ndtri(0.5 + confidence / 2)) * error
        low, high = value - reach, value + reach
    counts = int((signs > 0).sum()), int((signs < 0).sum()), int((signs == 0).sum())
    return Gain(value, low, high, confidence, *counts, n_queries)
