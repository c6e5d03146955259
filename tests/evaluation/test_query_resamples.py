"""Resampled differences of means, against a loop."""

from __future__ import annotations

import numpy as np
import pytest

from rankdistill.errors import UsageError
from rankdistill.evaluation.query_resamples import resampled_means


def test_every_resample_draws_the_same_queries_and_runs_of_both() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.random((3, 7)), rng.random((3, 7))
    draws = np.random.default_rng(5)
    expected = []
    for _ in range(20):
        queries, runs = draws.integers(0, 7, 7), draws.integers(0, 3, 3)
        values = [[float(system[run, query]) for run in runs for query in queries] for system in (first, second)]
        expected.append(sum(values[1]) / 21 - sum(values[0]) / 21)
    np.testing.assert_allclose(resampled_means(first, second, 20, seed=5), expected, atol=1e-12)


def test_the_interval_of_a_constant_difference_is_that_difference() -> None:
    first = np.random.default_rng(0).random((2, 9))
    np.testing.assert_allclose(resampled_means(first, first + 0.25), 0.25)


@pytest.mark.parametrize("shapes", [((2, 3), (2, 4)), ((3,), (3,)), ((0, 3), (0, 3))])
def test_values_that_do_not_pair_are_refused(shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(UsageError, match=r"expected \(runs, queries\) twice"):
        resampled_means(*map(np.zeros, shapes))
