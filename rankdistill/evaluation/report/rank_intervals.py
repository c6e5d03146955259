"""Every system against every other: which differences are significant, and which ranks they leave open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from rankdistill.evaluation.significance import TESTS, holm

Floats = NDArray[np.float64]


def pairwise_p_values(shares: Sequence[Mapping[str, float]], test: str = "t", seed: int = 0) -> Floats:
    """Test each pair of systems: p-values float64 (S, S), symmetric, uncorrected, NaN where no test could be made.

    shares: for each system {query id: what a paired test compares}, the same queries in all. test: a name of `TESTS`.
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


def rank_intervals(values: Sequence[float], p_values: Floats, level: float = 0.05) -> list[tuple[int, int]]:
    """The ranks that each system may have: (best, worst), from 1, given what is significant.

    values (S,): of the measure. p_values (S, S): uncorrected; corrected here by Holm for all pairs. A system's best
    rank is behind those significantly better, its worst before those significantly worse.
    """
    upper = np.triu_indices(len(values), 1)
    corrected = np.full_like(p_values, np.nan)
    corrected[upper] = holm(p_values[upper])
    corrected.T[upper] = corrected[upper]
    above = np.asarray(values)[:, None] < np.asarray(values)[None, :]
    apart = np.nan_to_num(corrected, nan=1.0) < level
    better, worse = (above & apart).sum(axis=1), (above.T & apart).sum(axis=1)
    return [(int(b) + 1, len(values) - int(w)) for b, w in zip(better, worse, strict=True)]
