"""Time Fisher's randomisation test at MS MARCO's number of dev queries, against NumPy and SciPy.

Run in the project's root: python -m benchmarks.significance_speed
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator

import numpy as np
from scipy import stats

from benchmarks.results import Row, run, study
from rankdistill.evaluation import fisher

QUERIES, PERMUTATIONS, SEED = 7_000, 100_000, 0
BATCH = 1_000


def by_numpy(deltas: np.ndarray) -> float:
    """Draw random signs in batches and multiply: what one writes by hand."""
    rng, extreme = np.random.default_rng(SEED), 0
    for _ in range(PERMUTATIONS // BATCH):
        signs = rng.integers(0, 2, (BATCH, len(deltas)), dtype=np.int8) * 2 - 1
        extreme += int((np.abs(signs @ deltas) >= abs(deltas.sum())).sum())
    return (extreme + 1) / (PERMUTATIONS + 1)


def by_scipy(deltas: np.ndarray) -> float:
    """SciPy's permutation test of paired samples, at a tenth of the permutations."""
    result = stats.permutation_test(
        (deltas, np.zeros_like(deltas)),
        lambda a, b, axis: (a - b).mean(axis=axis),
        permutation_type="samples",
        n_resamples=PERMUTATIONS // 10,
        batch=BATCH,
        vectorized=True,
        rng=np.random.default_rng(SEED),
    )
    return float(result.pvalue)


def timed(test: Callable[[np.ndarray], float], deltas: np.ndarray, repeats: int) -> tuple[float, float]:
    """The p-value, and the median of the seconds."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        p_value = test(deltas)
        seconds.append(time.perf_counter() - start)
    return p_value, statistics.median(seconds)


def rows() -> Iterator[Row]:
    """Time the three on the same differences."""
    deltas = np.random.default_rng(SEED).normal(0.008, 0.35, QUERIES)
    fisher(deltas[:10])  # compiles, or loads what is compiled
    systems = {"rankdistill": (fisher, 5, PERMUTATIONS), "NumPy": (by_numpy, 1, PERMUTATIONS)}
    systems["SciPy permutation_test"] = (by_scipy, 1, PERMUTATIONS // 10)
    for system, (test, repeats, permutations) in systems.items():
        p_value, seconds = timed(test, deltas, repeats)
        row = {"system": system, "queries": QUERIES, "permutations": permutations, "seconds": round(seconds, 3)}
        yield row | {"permutations a second": round(permutations / seconds), "p": round(p_value, 4)}


def main() -> None:
    """Print the table as it grows and write the result."""
    study("significance_speed", rows(), [SEED], ("rankdistill", "numpy", "scipy", "numba"))


if __name__ == "__main__":
    run(main)
