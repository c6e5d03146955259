"""Time Fisher's randomisation test at MS MARCO's number of dev queries, against NumPy and SciPy.

Run in the project's root: python -m benchmarks.significance_speed
``--quick``: a tenth of the queries and of the permutations.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Annotated

import numpy as np
from cyclopts import Parameter
from scipy import stats

from benchmarks.results import FOLDER, QUICK, Row, run, study
from rankdistill.evaluation import fisher

QUERIES, PERMUTATIONS, SEED = 7_000, 100_000, 0
BATCH = 1_000


def by_numpy(deltas: np.ndarray, permutations: int) -> float:
    """Draw random signs in batches and multiply: what one writes by hand."""
    rng, extreme = np.random.default_rng(SEED), 0
    for _ in range(permutations // BATCH):
        signs = rng.integers(0, 2, (BATCH, len(deltas)), dtype=np.int8) * 2 - 1
        extreme += int((np.abs(signs @ deltas) >= abs(deltas.sum())).sum())
    return (extreme + 1) / (permutations + 1)


def by_scipy(deltas: np.ndarray, permutations: int) -> float:
    """SciPy's permutation test of paired samples, at a tenth of the permutations."""
    result = stats.permutation_test(
        (deltas, np.zeros_like(deltas)),
        lambda a, b, axis: (a - b).mean(axis=axis),
        permutation_type="samples",
        n_resamples=permutations,
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


def rows(queries: int, permutations: int) -> Iterator[Row]:
    """Time the three on the same differences."""
    deltas = np.random.default_rng(SEED).normal(0.008, 0.35, queries)
    fisher(deltas[:10])  # compiles, or loads what is compiled
    tenth = permutations // 10
    systems = {
        "rankdistill": (partial(fisher, permutations=permutations), 5, permutations),
        "NumPy": (partial(by_numpy, permutations=permutations), 1, permutations),
        "SciPy permutation_test": (partial(by_scipy, permutations=tenth), 1, tenth),
    }
    for system, (test, repeats, n_drawn) in systems.items():
        p_value, seconds = timed(test, deltas, repeats)
        row = {"system": system, "queries": queries, "permutations": n_drawn, "seconds": round(seconds, 3)}
        yield row | {"permutations a second": round(n_drawn / seconds), "p": round(p_value, 4)}


def main(*, quick: Annotated[bool, Parameter(help="A tenth of the queries and of the permutations.")] = False) -> None:
    """Print the table as it grows and write the result."""
    size = (QUERIES // 10, PERMUTATIONS // 10) if quick else (QUERIES, PERMUTATIONS)
    packages = ("rankdistill", "numpy", "scipy", "numba")
    study("significance_speed", rows(*size), [SEED], packages, folder=QUICK if quick else FOLDER)


if __name__ == "__main__":
    run(main)
