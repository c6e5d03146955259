"""Significance: against scipy, an exact enumeration and hand-made examples."""

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from rankdistill.errors import DataError, UnknownNameError, UsageError
from rankdistill.evaluation import compare, effect_size, fisher, holm, paired_t

DIFFERENCES = st.lists(st.floats(-1, 1).map(lambda x: round(x, 3)), min_size=2, max_size=20)


@given(DIFFERENCES.filter(lambda d: np.ptp(d) > 0))
def test_the_t_test_equals_scipy(deltas):
    expected = stats.ttest_rel(deltas, np.zeros(len(deltas))).pvalue
    assert paired_t(deltas) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_the_t_test_of_equal_differences():
    assert paired_t([0.0, 0.0, 0.0]) == 1.0
    assert paired_t([0.1, 0.1, 0.1]) == 0.0
    assert math.isnan(paired_t([0.3]))


@given(st.lists(st.integers(-5, 5).map(lambda x: x / 10), min_size=2, max_size=9))
@settings(max_examples=40)
def test_fisher_is_close_to_the_enumeration_of_all_signings(deltas):
    signings = np.array(list(itertools.product([1, -1], repeat=len(deltas))))
    exact = (np.abs(signings @ np.array(deltas)) >= abs(sum(deltas)) - 1e-9).mean()
    estimated = fisher(deltas, permutations=20_000)
    assert estimated == pytest.approx(exact, abs=5 * math.sqrt(exact * (1 - exact) / 20_000) + 1e-4)


def test_fisher_agrees_with_scipy_on_many_queries():
    deltas = np.random.default_rng(3).normal(0.15, 1, 203)  # not a multiple of the eight that one look-up signs
    assert fisher(deltas) == pytest.approx(stats.ttest_1samp(deltas, 0).pvalue, abs=0.005)


def test_fisher_is_never_0_and_1_where_nothing_differs():
    assert fisher(np.ones(200), permutations=99) == 1 / 100
    assert fisher(np.zeros(5)) == 1.0
    assert math.isnan(fisher([0.3]))


def test_fisher_depends_on_the_seed_and_on_nothing_else():
    deltas = np.random.default_rng(0).normal(0.1, 1, 50)
    assert fisher(deltas, seed=1) == fisher(deltas, seed=1) != fisher(deltas, seed=2)
    assert fisher(deltas, seed=-1) > 0


def test_fisher_does_not_depend_on_the_thread_count():
    program = """if True:
        import numpy as np
        from rankdistill.evaluation.significance import fisher
        print(fisher(np.random.default_rng(0).normal(0.1, 1, 300)))
    """

    def p_value(threads: str) -> str:
        command = [sys.executable, "-c", "import os; os.environ['NUMBA_NUM_THREADS'] = '" + threads + "'\n" + program]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert p_value("1") == p_value("2") != ""


def test_fisher_refuses_no_permutations():
    with pytest.raises(UsageError, match="at least 1"):
        fisher([0.1, 0.2], permutations=0)


def test_holm_equals_a_hand_computed_example():
    # sorted .005 .01 .03 .04, times 4 3 2 1: .02 .03 .06 .04, made monotone: .02 .03 .06 .06
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_leaves_one_test_alone_caps_at_1_and_does_not_count_what_was_not_tested():
    assert holm([0.04]) == pytest.approx([0.04])
    assert holm([0.6, 0.7]) == pytest.approx([1.0, 1.0])
    assert holm([0.02, math.nan, 0.03]) == pytest.approx([0.04, math.nan, 0.04], nan_ok=True)
    assert len(holm([])) == 0


def test_effect_size_is_the_mean_in_standard_deviations():
    assert effect_size([0.1, 0.2, 0.3]) == pytest.approx(0.2 / 0.1)
    assert effect_size([0.0, 0.0]) == 0.0
    assert effect_size([-0.1, -0.1]) == -math.inf
    assert effect_size([0.2]) == math.inf


def test_a_comparison_counts_wins_and_keeps_the_differences():
    a, b = {"q1": 0.5, "q2": 0.2, "q3": 0.4, "q4": 0.9}, {"q2": 0.3, "q1": 0.1, "q3": 0.4, "q4": 0.1}
    result = compare(a, b)
    assert (result.wins, result.ties, result.losses, result.queries) == (2, 1, 1, 4)
    assert result.deltas == pytest.approx({"q1": 0.4, "q2": -0.1, "q3": 0.0, "q4": 0.8})
    assert (result.mean_a, result.mean_b, result.difference) == pytest.approx((0.5, 0.225, 0.275))
    assert result.p_value == pytest.approx(stats.ttest_rel([0.5, 0.2, 0.4, 0.9], [0.1, 0.3, 0.4, 0.1]).pvalue)
    assert compare(a, b, test="fisher").p_value == fisher(list(result.deltas.values()))


def test_systems_compared_on_different_queries_are_an_error():
    with pytest.raises(DataError, match="2 are on one side only, such as 'q1'"):
        compare({"q1": 0.5}, {"q2": 0.5})
    with pytest.raises(DataError, match="no queries"):
        compare({}, {})
    with pytest.raises(DataError, match="NaN"):
        compare({"q1": math.nan}, {"q1": 0.5})


def test_an_unknown_test_is_an_error():
    with pytest.raises(UnknownNameError, match="did you mean 'fisher'"):
        compare({"q": 0.1}, {"q": 0.2}, test="fischer")
