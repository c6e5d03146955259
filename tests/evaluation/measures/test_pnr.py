"""PNR: against a count of every pair, and at its edges."""

import math
import pickle
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankdistill.data.candidates import Candidates
from rankdistill.errors import DataError, UsageError
from rankdistill.evaluation.evaluate import evaluation
from rankdistill.evaluation.measures.pnr import PairRatio, pnr, pnr_counts, pooled_shares
from rankdistill.evaluation.measures.pnr_kernel import count_queries

QUERY = st.lists(
    st.tuples(st.sampled_from([-1.5, 0.0, 0.25, 2.0, 3.0]), st.sampled_from([0.0, 1.0, 2.0, 3.0, 0.5, math.nan])),
    max_size=12,
)


def brute_force(scores, labels):
    concordant = discordant = 0
    for i in range(len(scores)):
        for j in range(len(scores)):
            if labels[i] > labels[j]:
                concordant += scores[i] > scores[j]
                discordant += scores[i] < scores[j]
    return concordant, discordant


@given(st.lists(QUERY, max_size=6))
def test_counts_equal_a_count_of_every_pair(queries):
    offsets = np.concatenate([[0], np.cumsum([len(q) for q in queries], dtype=np.int64)])
    scores = np.array([score for q in queries for score, _ in q])
    labels = np.array([label for q in queries for _, label in q])
    expected = [brute_force(*zip(*q, strict=True)) if q else (0, 0) for q in queries]
    concordant, discordant = pnr_counts(scores, labels, offsets)
    assert list(zip(concordant, discordant, strict=True)) == expected
    counts = np.zeros((2, len(queries)), np.int64)
    count_queries(scores.astype(np.float64), labels.astype(np.float64), offsets, counts)  # what many candidates get
    assert list(map(tuple, counts.T)) == expected


def test_counts_of_a_long_list_equal_a_count_of_every_pair():
    rng = np.random.default_rng(0)
    scores, labels = rng.normal(size=400).round(1).astype(np.float32), rng.normal(size=400).round(1)
    concordant, discordant = pnr_counts(scores, labels, [0, 400])
    assert (concordant[0], discordant[0]) == brute_force(scores.tolist(), labels.tolist())


def test_pooled_divides_the_sums_and_macro_averages_the_ratios():
    scores, labels = [3, 2, 1, 5, 4], [1, 2, 0, 1, 0]  # query 1: 2 concordant, 1 discordant; query 2: 1 and 0
    assert pnr(scores, labels, [0, 3, 5]) == 3.0
    lists = Candidates([f"q{i}" for i in range(2)], np.array([0, 3, 5]), list("abcab"), {"score": np.array(scores)})
    result = evaluation(lists.only_columns().with_columns(label=labels), lists, "PNR(avg=macro)")
    assert (result.values["PNR(avg=macro)"], result.unreversed_queries) == ((2 / 1 + 1 / 1) / 2, 1)


def test_no_reversed_pair_at_all_is_infinite():
    assert pnr([2.0, 1.0], [1, 0], [0, 2]) == math.inf


def test_without_any_pair_to_judge_by_there_is_no_ratio():
    assert math.isnan(pnr([1.0, 1.0], [1, 0], [0, 2]))  # equal scores
    assert math.isnan(pnr([2.0, 1.0], [1, 1], [0, 2]))  # equal labels
    assert math.isnan(pnr([2.0, 1.0], [1, math.nan], [0, 2]))  # unjudged
    assert math.isnan(pnr([2.0, 1.0], [1, 0], [0, 1, 2]))  # two queries
    assert math.isnan(pnr([], [], [0]))


def test_scores_compare_in_the_dtype_given():
    scores = np.array([1.0 + 1e-12, 1.0])
    assert pnr(scores, [1, 0], [0, 2]) == math.inf
    assert math.isnan(pnr(scores.astype(np.float32), [1, 0], [0, 2]))


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf])
def test_a_score_that_is_no_finite_number_is_an_error(score):
    with pytest.raises(DataError, match="row 1"):
        pnr([1.0, score], [1, 0], [0, 2])


@pytest.mark.parametrize(
    ("scores", "labels", "offsets"),
    [
        ([1, 2], [1], [0, 2]),
        ([[1, 2]], [[1, 2]], [0, 2]),
        ([1, 2], [1, 0], [0, 1]),
        ([1, 2], [1, 0], [0, 2, 1, 2]),
        ([1], [1], []),
    ],
)
def test_shapes_that_do_not_fit_are_an_error(scores, labels, offsets):
    with pytest.raises(UsageError):
        pnr(scores, labels, offsets)


def test_counts_do_not_depend_on_the_thread_count():
    program = """if True:
        import numpy as np
        from rankdistill.evaluation.measures.pnr import pnr_counts
        rng = np.random.default_rng(1)
        print(*np.concatenate(pnr_counts(rng.normal(size=600), rng.integers(0, 4, 600), np.arange(0, 601, 20))))
    """

    def counts(threads: str) -> str:
        command = [sys.executable, "-c", "import os; os.environ['NUMBA_NUM_THREADS'] = '" + threads + "'\n" + program]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert counts("1") == counts("2") != ""


def test_the_shares_of_the_queries_average_to_the_pooled_ratio():
    ratios = [PairRatio(5, 2), PairRatio(1, 4), PairRatio(7, 0), PairRatio(0, 0)]
    assert np.mean(pooled_shares(ratios)) == pytest.approx(13 / 6)
    assert np.isnan(pooled_shares([PairRatio(5, 0), PairRatio(0, 0)])).all()
    assert pooled_shares([]) == []


def test_a_ratio_survives_pickling_with_its_counts():
    back = pickle.loads(pickle.dumps(PairRatio(5, 2)))
    assert (back, back.concordant, back.discordant) == (2.5, 5, 2)
