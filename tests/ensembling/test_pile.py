"""PILE: to the letter of its paper, equal to plain Python, and the same whatever the threads or the order."""

from __future__ import annotations

import dataclasses

import numba
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rankdistill.data.kernels.random import hash_ids, starting_states
from rankdistill.ensembling import mean, pile, pile_with_report
from rankdistill.ensembling.pile import draw_pair, update_pair
from rankdistill.errors import DataError, UsageError

# PILE's Table 4: an irrelevant document (label 0) and a relevant one (3), three teachers.
TABLE_4_TEACHERS = np.array([[0.0589, 0.0271], [0.1923, 0.0331], [0.1057, 0.0983]])
TABLE_4_LABELS = np.array([0.0, 3.0])
TABLE_4_PRINTED = np.array([0.0590, 0.0981])


def test_mean_of_the_papers_example_is_reversed_as_printed():
    np.testing.assert_allclose(mean(TABLE_4_TEACHERS), [0.1190, 0.0528], atol=5e-5)


def test_one_update_orders_the_papers_example():
    ensemble, report = pile_with_report(TABLE_4_TEACHERS, TABLE_4_LABELS, [0, 2])
    relevant, irrelevant = 0.1 * 0.1585 / 3 + 0.9 * 0.0983, 0.1 * 0.3569 / 3 + 0.9 * (0.0589 + 0.1057) / 2
    np.testing.assert_allclose(ensemble, [irrelevant, relevant])
    np.testing.assert_allclose(ensemble, [0.0860, 0.0938], atol=5e-5)
    assert ensemble[1] > ensemble[0]
    assert dataclasses.astuple(report) == (1, 1, 1, 0, 1, 1, 0)


def test_continued_updating_approaches_the_values_the_paper_prints():
    ensemble = mean(TABLE_4_TEACHERS)
    distances = []
    for _ in range(4):
        distances.append(np.abs(ensemble - TABLE_4_PRINTED).max())
        update_pair(TABLE_4_TEACHERS, ensemble, 1, 0, 0.9)
    assert distances == sorted(distances, reverse=True)
    np.testing.assert_allclose(ensemble, TABLE_4_PRINTED, atol=3e-4)
    for _ in range(20):
        update_pair(TABLE_4_TEACHERS, ensemble, 1, 0, 0.9)
    np.testing.assert_allclose(ensemble, [TABLE_4_TEACHERS[:, 0].min(), TABLE_4_TEACHERS[:, 1].max()])


@pytest.mark.parametrize("with_ids", [True, False])
@pytest.mark.parametrize(
    ("seed", "rate", "n_teachers", "dtype"),
    [(0, 0.9, 3, "f8"), (1, 0.5, 3, "f4"), (2, 1.0, 2, "f8"), (-3, 0.1, 9, "f8"), (4, 0.9, 1, "f2")],
)
def test_pile_equals_the_plain_reference(reference, make_lists, seed, rate, n_teachers, dtype, with_ids):
    lists = make_lists(abs(seed), n_teachers=n_teachers)
    scores, labels = lists.scores.astype(dtype), lists.labels.astype(dtype)
    ids = lists.query_ids if with_ids else None
    ensemble, report = pile_with_report(scores, labels, lists.offsets, rate, seed, ids)
    totals = dict.fromkeys((f.name for f in dataclasses.fields(report)), 0) | {"queries": len(lists.query_ids)}
    for q, query_id in enumerate(lists.query_ids):
        rows = slice(lists.offsets[q], lists.offsets[q + 1])
        f, y = scores[:, rows].astype(float).tolist(), labels[rows].astype(float).tolist()
        code = reference.hash_id(query_id) if with_ids else reference.hash_contents(f, y)
        expected, counts = reference.pile_query(f, y, code, rate, seed)
        assert ensemble[rows].tolist() == expected
        for name, value in counts.items():
            totals[name] += value
    assert dataclasses.asdict(report) == totals
    assert n_teachers == 1 or (report.updates > 0 and report.capped_queries > 0)


def test_reported_counts_are_those_of_a_full_recount(reference, make_lists):
    lists = make_lists(5)
    ensemble, report = pile_with_report(lists.scores, lists.labels, lists.offsets)
    before = after = 0
    for start, stop in zip(lists.offsets, lists.offsets[1:], strict=False):
        known = ~np.isnan(lists.labels[start:stop])
        y = lists.labels[start:stop][known]
        before += reference.count_reversed(y, mean(lists.scores)[start:stop][known])
        after += reference.count_reversed(y, ensemble[start:stop][known])
    assert (report.reversed_before, report.reversed_after) == (before, after)
    assert after < before


@given(st.integers(0, 2**32), st.integers(1, 4), st.floats(0.01, 1), st.integers(-(2**70), 2**70))
@settings(max_examples=60)
def test_ensemble_stays_within_the_teachers_range(make_lists, data_seed, n_teachers, rate, seed):
    lists = make_lists(data_seed, n_queries=5, n_teachers=n_teachers)
    ensemble = pile(lists.scores, lists.labels, lists.offsets, rate, seed)
    assert (ensemble >= lists.scores.min(axis=0)).all()
    assert (ensemble <= lists.scores.max(axis=0)).all()


@given(st.lists(st.floats(-1e300, 1e300), min_size=2, max_size=12), st.integers(1, 7), st.integers(0, 99))
@settings(max_examples=100)
def test_identical_teachers_are_returned_as_they_are(scores, n_teachers, seed):
    labels = np.arange(len(scores))[::-1]
    scores = np.array(scores) / n_teachers
    result, report = pile_with_report(np.stack([scores] * n_teachers), labels, [0, len(scores)], seed=seed)
    assert result.tolist() == scores.tolist()
    assert report.reversed_after == report.reversed_before


def test_equal_teachers_whose_mean_rounds_above_them_keep_their_score():
    assert (0.1 + 0.1 + 0.1) / 3 > 0.1
    scores = np.array([[0.1, 0.7]] * 3)
    assert mean(scores).tolist() == [0.1, 0.7]
    assert pile(scores, [1, 0], [0, 2]).tolist() == [0.1, 0.7]


def test_pile_result_does_not_depend_on_thread_count(make_lists):
    lists = make_lists(6, n_queries=300)
    before = numba.get_num_threads()
    results = []
    for threads in range(1, min(4, numba.config.NUMBA_NUM_THREADS) + 1):
        numba.set_num_threads(threads)
        results.append(pile_with_report(lists.scores, lists.labels, lists.offsets))
    numba.set_num_threads(before)
    for ensemble, report in results:
        assert np.array_equal(ensemble, results[0][0])
        assert report == results[0][1]


@pytest.mark.parametrize("with_ids", [True, False])
def test_pile_result_does_not_depend_on_the_order_of_queries(make_lists, with_ids):
    lists = make_lists(7)
    order = np.random.default_rng(0).permutation(len(lists.query_ids))
    rows = np.concatenate([np.arange(lists.offsets[q], lists.offsets[q + 1]) for q in order]).astype(int)
    offsets = np.concatenate([[0], np.cumsum(np.diff(lists.offsets)[order])])
    ids, shuffled_ids = (lists.query_ids, [lists.query_ids[q] for q in order]) if with_ids else (None, None)
    plain = pile(lists.scores, lists.labels, lists.offsets, query_ids=ids)
    shuffled = pile(lists.scores[:, rows], lists.labels[rows], offsets, query_ids=shuffled_ids)
    assert np.array_equal(shuffled, plain[rows])


def test_a_query_alone_gets_what_it_gets_among_others(make_lists):
    lists = make_lists(8, n_teachers=9)
    together = pile(lists.scores, lists.labels, lists.offsets)
    for start, stop in zip(lists.offsets, lists.offsets[1:], strict=False):
        rows = slice(start, stop)
        alone = pile(np.asfortranarray(lists.scores[:, rows]), lists.labels[rows], [0, stop - start])
        assert np.array_equal(alone, together[rows])


def test_ids_may_be_a_list_an_array_or_arrow_sliced_or_not(make_lists):
    lists = make_lists(9)
    plain = pile(lists.scores, lists.labels, lists.offsets, query_ids=lists.query_ids)
    sliced = pa.array(["x", *lists.query_ids, "y"])[1:-1]
    chunked = pa.chunked_array([pa.array(lists.query_ids[:7]), pa.array(lists.query_ids[7:])])
    for ids in (np.array(lists.query_ids), pa.array(lists.query_ids), sliced, chunked):
        assert np.array_equal(pile(lists.scores, lists.labels, lists.offsets, query_ids=ids), plain)
    numbers = list(range(len(lists.query_ids)))
    by_number = pile(lists.scores, lists.labels, lists.offsets, query_ids=numbers)
    assert np.array_equal(
        by_number, pile(lists.scores, lists.labels, lists.offsets, query_ids=[str(n) for n in numbers])
    )


def test_seed_and_id_change_the_draws(make_lists):
    lists = make_lists(10)
    results = [
        pile(lists.scores, lists.labels, lists.offsets, seed=seed, query_ids=ids)
        for seed in (0, 1)
        for ids in (None, lists.query_ids, lists.query_ids[::-1])
    ]
    for i, one in enumerate(results):
        assert all(not np.array_equal(one, other) for other in results[:i])


def test_a_document_without_label_keeps_the_mean_and_changes_nothing_for_the_others(make_lists):
    lists = make_lists(11)
    ensemble, report = pile_with_report(lists.scores, lists.labels, lists.offsets)
    known = ~np.isnan(lists.labels)
    assert np.array_equal(ensemble[~known], mean(lists.scores)[~known])
    sizes = np.add.reduceat(np.append(known, False), lists.offsets[:-1]) * (np.diff(lists.offsets) > 0)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    judged, judged_report = pile_with_report(lists.scores[:, known], lists.labels[known], offsets)
    assert np.array_equal(judged, ensemble[known])
    assert judged_report == report


def test_equal_labels_and_equal_scores_are_never_reversed():
    tied_labels, report = pile_with_report([[0.1, 0.9], [0.5, 0.2]], [1, 1], [0, 2])
    assert (report.comparable, report.draws) == (0, 0)
    assert tied_labels.tolist() == mean([[0.1, 0.9], [0.5, 0.2]]).tolist()
    tied_scores, report = pile_with_report([[0.25, 0.75], [0.75, 0.25]], [0, 1], [0, 2])
    assert (report.comparable, report.reversed_before, report.draws) == (1, 0, 0)
    assert tied_scores.tolist() == [0.5, 0.5]


def test_a_list_that_agrees_with_its_labels_is_left_at_the_mean():
    scores = np.array([[1.0, 2.0, 3.0], [1.5, 2.5, 9.0]])
    ensemble, report = pile_with_report(scores, [0, 1, 2], [0, 3])
    assert np.array_equal(ensemble, mean(scores))
    assert report.draws == report.updates == 0


@pytest.mark.parametrize("n", [2, 3, 4, 9, 10, 100])
def test_hopeless_lists_stop_at_the_cap(n):
    scores = -np.arange(n, dtype=float)
    ensemble, report = pile_with_report(np.stack([scores, scores]), np.arange(n), [0, n])
    assert report.draws == int(np.ceil(np.float64(n) ** 1.5))
    assert report.capped_queries == 1
    assert report.reversed_after == report.reversed_before == n * (n - 1) // 2
    assert np.array_equal(ensemble, scores)


def test_lists_of_one_document_and_empty_lists_pass_through():
    scores = np.array([[0.5, -1.0], [0.25, -3.0]])
    ensemble, report = pile_with_report(scores, [3, np.nan], [0, 1, 1, 2])
    assert ensemble.tolist() == [0.375, -2.0]
    assert (report.queries, report.comparable) == (3, 0)
    nothing, report = pile_with_report(np.zeros((2, 0)), [], [0])
    assert nothing.shape == (0,)
    assert report.queries == 0


def test_inputs_are_not_changed(make_lists):
    lists = make_lists(12)
    scores, labels = lists.scores.copy(), lists.labels.copy()
    pile(lists.scores, lists.labels, lists.offsets)
    assert np.array_equal(scores, lists.scores)
    assert np.array_equal(labels, lists.labels, equal_nan=True)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_missing_teacher_score_names_teacher_and_row(bad):
    scores = np.ones((3, 4))
    scores[1, 2] = bad
    with pytest.raises(DataError, match=rf"teacher 1 has the score {bad} at row 2 \(1 scores"):
        pile(scores, np.zeros(4), [0, 4])


def test_arguments_that_do_not_fit_are_refused():
    scores, labels = np.ones((2, 4)), np.zeros(4)
    with pytest.raises(UsageError, match=r"\(teachers, candidates\), got \(4,\)"):
        pile(scores[0], labels, [0, 4])
    with pytest.raises(UsageError, match=r"labels have shape \(3,\), expected \(4,\)"):
        pile(scores, labels[:3], [0, 4])
    for offsets in ([0, 3], [1, 4], [0, 3, 2, 4], []):
        with pytest.raises(UsageError, match="offsets must rise from 0 to 4"):
            pile(scores, labels, offsets)
    for rate in (0, -0.1, 1.1, np.nan):
        with pytest.raises(UsageError, match=r"rate must lie in \(0, 1\]"):
            pile(scores, labels, [0, 4], rate=rate)
    with pytest.raises(UsageError, match="got 2 query ids for 1 queries"):
        pile(scores, labels, [0, 4], query_ids=["a", "b"])


def test_every_pair_is_drawn_equally_often():
    n, draws = 5, 40_000
    counts = np.zeros((n, n), int)
    state = np.uint64(starting_states(0, hash_ids(["query"]))[0])
    for _ in range(draws):
        next_state, i, j = draw_pair(state, n)
        state = np.uint64(next_state)
        counts[i, j] += 1
    assert not counts.diagonal().any()
    expected = draws / (n * (n - 1))
    off_diagonal = counts[~np.eye(n, dtype=bool)]
    assert ((off_diagonal - expected) ** 2 / expected).sum() < 43.8  # chi-square, 19 degrees of freedom, p = .001


def test_two_documents_are_always_drawn_together():
    state = np.uint64(1)
    for _ in range(100):
        next_state, i, j = draw_pair(state, 2)
        state = np.uint64(next_state)
        assert {i, j} == {0, 1}
