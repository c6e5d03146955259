"""Compare every system with every other: the significant differences, and the ranks that they allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from rankdistill.arrays import F64
from rankdistill.evaluation.significance import TESTS, holm


def pairwise_p_values(shares: Sequence[Mapping[str, float]], test: str = "t", seed: int = 0) -> F64:
    """Test each pair of systems: p-values float64 (S, S), symmetric, uncorrected, NaN where there is no test.

    shares: for each system {query id: the value that a paired test compares}, all with the same queries. test: a name
    of `TESTS`.
    """
    queries = list(shares[0]) if shares else []
    values = np.array([[share[query] for query in queries] for share in shares], np.float64)
    p = np.full((len(shares), len(shares)), np.nan)
    for i in range(len(shares)):
        for j in range(i + 1, len(shares)):
            deltas = values[i] - values[j]
            if np.isfinite(deltas).all():
                p[i, j] = p[j, i] = TESTS[test].p_value(deltas, seed)
    return p


def rank_intervals(values: Sequence[float], p_values: F64, level: float = 0.05) -> list[tuple[int, int]]:
    """Compute the ranks that the significant differences allow each system: (best, worst), from 1.

    values (S,): of the measure. p_values (S, S): uncorrected; Holm's correction for all pairs is applied here. A system
    ranks below those that are significantly better, and above those that are significantly worse.
    """
    upper = np.triu_indices(len(values), 1)
    corrected = np.full_like(p_values, np.nan)
    corrected[upper] = holm(p_values[upper])
    corrected.T[upper] = corrected[upper]
    above = np.asarray(values)[:, None] < np.asarray(values)[None, :]
    apart = np.nan_to_num(corrected, nan=1.0) < level
    better, worse = (above & apart).sum(axis=1), (above.T & apart).sum(axis=1)
    return [(int(b) + 1, len(values) - int(w)) for b, w in zip(better, worse, strict=True)]
