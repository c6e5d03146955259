"""Whether one model labels pairs better than another: against scipy, and by what must hold."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from rankdistill.errors import UnknownNameError, UsageError
from rankdistill.evaluation.pair_metrics import PAIR_METRICS
from rankdistill.evaluation.pair_significance import PAIR_TESTS, bootstrap_p, interval, mcnemar_p, resampled

RNG = np.random.default_rng(0)
TRUTH = RNG.integers(0, 2, 200).astype(float)


def wrong(share: float, seed: int) -> np.ndarray:
    """The right labels, a share of them turned round."""
    turned = np.random.default_rng(seed).random(len(TRUTH)) < share
    return np.where(turned, 1 - TRUTH, TRUTH)


@pytest.mark.slow
@pytest.mark.parametrize("metric", PAIR_METRICS)
def test_equal_models_do_not_differ_and_a_much_better_one_does(metric: str) -> None:
    poor, good = wrong(0.4, 1), wrong(0.1, 2)
    assert not resampled(good[None], good[None], TRUTH, metric, 50).any()
    assert bootstrap_p(good, good, TRUTH, metric) == 1
    assert bootstrap_p(poor, good, TRUTH, metric) < 0.01
    low, high = interval(resampled(poor[None], good[None], TRUTH, metric, 200))
    difference = PAIR_METRICS[metric](good, TRUTH) - PAIR_METRICS[metric](poor, TRUTH)
    assert 0 < low < difference < high


@pytest.mark.slow
def test_p_values_of_models_that_are_equally_good_are_spread_evenly() -> None:
    p_values = [bootstrap_p(wrong(0.3, 10 + seed), wrong(0.3, 100 + seed), TRUTH, "accuracy") for seed in range(40)]
    assert 0.3 < np.mean(p_values) < 0.7
    assert np.mean([p < 0.05 for p in p_values]) < 0.2


def test_several_runs_of_a_model_are_resampled_too() -> None:
    one, other = np.stack([wrong(0.4, 1), wrong(0.1, 2)]), np.stack([wrong(0.1, 3), wrong(0.4, 4)])
    spread = resampled(one, other, TRUTH, "accuracy", 200).std()
    assert spread > 3 * resampled(one[:1], other[:1], TRUTH, "accuracy", 200).std()


def test_mcnemar_is_the_binomial_test_of_the_pairs_that_one_alone_has_right() -> None:
    poor, good = wrong(0.3, 1), wrong(0.2, 2)
    wins = int(((poor == TRUTH) & (good != TRUTH)).sum())
    losses = int(((good == TRUTH) & (poor != TRUTH)).sum())
    assert mcnemar_p(poor, good, TRUTH) == pytest.approx(binomtest(losses, wins + losses).pvalue)
    assert mcnemar_p(good, good, TRUTH) == 1


@pytest.mark.parametrize("test", PAIR_TESTS)
def test_tests_are_two_sided(test: str) -> None:
    poor, good = wrong(0.3, 1), wrong(0.2, 2)
    there, back = (PAIR_TESTS[test].p_value(*pair, TRUTH, "accuracy") for pair in ((poor, good), (good, poor)))
    assert there == pytest.approx(back)


def test_what_cannot_be_tested_is_refused() -> None:
    with pytest.raises(UsageError, match="McNemar's test is of accuracy, got f1: test='bootstrap' tests any metric"):
        mcnemar_p(TRUTH, TRUTH, TRUTH, "f1")
    with pytest.raises(UnknownNameError, match="unknown metric 'acuracy'"):
        resampled(TRUTH[None], TRUTH[None], TRUTH, "acuracy")
    with pytest.raises(UsageError, match="resamples must be at least 1"):
        resampled(TRUTH[None], TRUTH[None], TRUTH, "accuracy", 0)
