"""Test whether one system is better than another: paired tests over the queries, corrected for their number."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numba import njit, prange
from numpy.typing import ArrayLike
from scipy.special import stdtr

from rankdistill.arrays import F64
from rankdistill.data.kernels.random import GOLDEN, scramble
from rankdistill.errors import DataError, UnknownNameError, UsageError
from rankdistill.parallel import parallel

PERMUTATIONS = 100_000
ROUNDING = 1e-12  # of Σ|delta|: a permuted sum that is lower by less than this differs by rounding alone


@dataclass(frozen=True)
class Comparison:
    """Systems a and b compared in one measure, query by query; every difference is a - b."""

    test: str
    p_value: float
    """Two-sided, uncorrected; NaN for fewer than two queries."""
    mean_a: float
    mean_b: float
    difference: float
    """Mean difference over the queries."""
    effect_size: float
    """Cohen's d of paired samples: mean difference / standard deviation of the differences."""
    wins: int
    """Queries on which a is better."""
    ties: int
    losses: int
    deltas: dict[str, float]
    """Query id -> difference."""

    @property
    def queries(self) -> int:
        return len(self.deltas)


def compare(
    per_query_a: Mapping[str, float], per_query_b: Mapping[str, float], test: str = "t", seed: int = 0
) -> Comparison:
    """Compare two systems by their values of one measure on the same queries: {query id: value}.

    test: a name of `TESTS`, "t" or "fisher". Raises `DataError` where the queries differ or a value is not finite.
    """
    if test not in TESTS:
        raise UnknownNameError("significance test", test, TESTS)
    if odd := per_query_a.keys() ^ per_query_b.keys():
        query = min(odd)
        raise DataError(
            f"systems are compared on the same queries, but {len(odd)} are on one side only, such as {query!r}: "
            "evaluate both against the same qrels"
        )
    if not per_query_a:
        raise DataError("there are no queries to compare systems on")
    a = np.array(list(per_query_a.values()), np.float64)
    b = np.array([per_query_b[query] for query in per_query_a], np.float64)
    if not np.isfinite([a, b]).all():
        raise DataError("a query's value is NaN or infinite, expected finite numbers")
    deltas = a - b
    return Comparison(
        test,
        TESTS[test].p_value(deltas, seed),
        float(a.mean()),
        float(b.mean()),
        float(deltas.mean()),
        effect_size(deltas),
        int((deltas > 0).sum()),
        int((deltas == 0).sum()),
        int((deltas < 0).sum()),
        dict(zip(per_query_a, deltas.tolist(), strict=True)),
    )


def paired_t(deltas: ArrayLike) -> float:
    """Compute the two-sided p-value of Student's paired t-test from the queries' differences, float (Q,).

    1 where all differences are 0, 0 where all are the same other number, NaN for fewer than two. Equal to
    `scipy.stats.ttest_rel`, whose module takes long to import.
    """
    d = np.asarray(deltas, np.float64)
    if len(d) < 2:
        return math.nan
    if np.ptp(d) == 0:
        return float(d[0] == 0)
    t = d.mean() / (d.std(ddof=1) / math.sqrt(len(d)))
    return float(2 * stdtr(len(d) - 1, -abs(t)))


def fisher(deltas: ArrayLike, permutations: int = PERMUTATIONS, seed: int = 0) -> float:
    """Compute the two-sided p-value of Fisher's randomisation test from the queries' differences, float (Q,).

    Under the null hypothesis each difference is as likely to have the other sign: p = (1 + number of random signings
    whose sum is at least as far from 0) / (1 + permutations). The result depends on the seed and not on the number of
    threads. NaN for fewer than two queries. Source: Smucker, Allan & Carterette 2007; the 1 added, Phipson & Smyth 2010
    (docs/papers.md).
    """
    if permutations < 1:
        raise UsageError(f"permutations must be at least 1, got {permutations}")
    d = np.asarray(deltas, np.float64)
    if len(d) < 2:
        return math.nan
    sums = signed_sums(partial_sums(d[d != 0]), permutations, np.uint64(seed % 2**64))
    threshold = abs(d.sum()) - ROUNDING * np.abs(d).sum()
    return float((1 + (np.abs(sums) >= threshold).sum()) / (1 + permutations))


@dataclass(frozen=True)
class SignificanceTest:
    """A paired test: its title, and its p-value from the queries' differences and a seed."""

    title: str
    p_value: Callable[[F64, int], float]


TESTS = {
    "t": SignificanceTest("paired t-test", lambda deltas, seed: paired_t(deltas)),
    "fisher": SignificanceTest(
        f"Fisher randomisation, {PERMUTATIONS:,} permutations", lambda deltas, seed: fisher(deltas, seed=seed)
    ),
}


def effect_size(deltas: ArrayLike) -> float:
    """Compute Cohen's d of paired samples: mean / standard deviation; 0 for no difference, ±inf for a constant one."""
    d = np.asarray(deltas, np.float64)
    if np.ptp(d) == 0:
        return math.copysign(math.inf, d[0]) if d[0] else 0.0
    return float(d.mean() / d.std(ddof=1))


def holm(p_values: ArrayLike) -> F64:
    """Correct p-values for their number by Holm's step-down method: float64, in the order given.

    Controls the probability of at least one false positive, with at least the power of Bonferroni's correction. NaN
    stands for no test and stays NaN. Source: Holm 1979 (docs/papers.md).
    """
    p = np.asarray(p_values, np.float64)
    corrected = np.full(p.shape, np.nan)
    order = np.argsort(p, kind="stable")[: int((~np.isnan(p)).sum())]
    steps = p[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected


# -- kernels -----------------------------------------------------------------------------------------------------------


@njit(cache=True)
def partial_sums(deltas: F64) -> F64:
    """Sum each group of eight deltas (n,) under each of its 256 signings: float64 (⌈n/8⌉, 256).

    Eight random bits then sign eight differences in one look-up.
    """
    sums = np.zeros(((len(deltas) + 7) // 8, 256))
    for i in range(len(deltas)):
        for signs in range(256):
            sums[i // 8, signs] += deltas[i] if signs >> (i % 8) & 1 else -deltas[i]
    return sums


@parallel
def signed_sums(sums: F64, permutations: int, seed: np.uint64) -> F64:
    """Sum all deltas under random signs, once per permutation: float64 (permutations,), from `partial_sums`.

    The bits come from SplitMix64 streams, one per permutation, so that threads do not depend on each other.
    """
    totals = np.zeros(permutations)
    words = (len(sums) + 7) // 8
    start = scramble(seed + GOLDEN)
    for permutation in prange(permutations):
        total = 0.0
        for word in range(words):
            bits = scramble(start + np.uint64(permutation * words + word) * GOLDEN)
            for group in range(word * 8, min(word * 8 + 8, len(sums))):
                total += sums[group, np.int64(bits & np.uint64(255))]
                bits >>= np.uint64(8)
        totals[permutation] = total
    return totals
