"""Lists are drawn from the query's own candidates, the relevant ones first, the same way for the same seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankdistill.data import Candidates
from rankdistill.errors import DataError, UnknownNameError, UsageError
from rankdistill.training import TrainingSettings, plan_lists
from rankdistill.training.draw import drawn_by, relevance_column


def some_candidates() -> Candidates:
    """Three queries of 12, 3 and 1 candidates; the first has two relevant ones, the second none."""
    queries = ["a"] * 12 + ["b"] * 3 + ["c"]
    labels = np.zeros(16)
    labels[[4, 9]] = 1, 3
    return Candidates.from_rows(queries, [f"d{i}" for i in range(16)], {"label": labels})


def test_a_list_holds_distinct_candidates_of_one_query() -> None:
    candidates = some_candidates()
    plan = plan_lists(candidates, size=6, epochs=4, seed=1)
    assert len(plan) == 8
    assert plan.n_left_out == 1
    for row in plan.rows:
        kept = row[row >= 0]
        assert len(set(kept)) == len(kept) == min(6, 12 if kept[0] < 12 else 3)
        assert len(set(candidates.query_of_row[kept])) == 1


def test_relevant_candidates_come_first_and_are_never_missing() -> None:
    plan = plan_lists(some_candidates(), size=4, epochs=5, seed=0, labels="label", learned=["label"])
    assert plan.n_left_out == 2
    assert all(set(row[:2]) == {4, 9} for row in plan.rows)
    assert len({tuple(row) for row in plan.rows}) > 1


def test_relevant_candidates_leave_room_for_others() -> None:
    candidates = some_candidates().with_columns(label=[1.0] * 11 + [0.0] * 5)
    rows = plan_lists(candidates, size=4, epochs=20, seed=0, labels="label", learned=["label"]).rows
    assert (np.isin(rows, np.arange(11)).sum(1) >= 2).all()
    assert 11 in rows


def test_the_same_seed_draws_the_same_lists_and_another_draws_others() -> None:
    first, again, other = (plan_lists(some_candidates(), 4, 3, seed).rows for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@pytest.mark.parametrize("draw", ["random", "hardest", "whole", "each"])
@given(most=st.integers(1, 30), seed=st.integers(0, 3))
def test_lists_that_are_not_read_are_not_drawn_and_the_others_stay_what_they_are(
    draw: Any, most: int, seed: int
) -> None:
    candidates = some_candidates().with_columns(t1=np.arange(16.0))
    arguments = {"draw": draw, "by": "t1", "compared": False}
    whole = plan_lists(candidates, 4, 5, seed, "label", **arguments)
    some = plan_lists(candidates, 4, 5, seed, "label", **arguments, most=most)
    np.testing.assert_array_equal(some.rows, whole.rows[:most])
    assert some.n_whole == whole.n_whole == len(whole)
    assert some.n_left_out == whole.n_left_out


def test_only_what_is_read_of_many_epochs_takes_memory() -> None:
    many = 1_000_000
    assert plan_lists(some_candidates(), 4, many, 0, draw="each", compared=False, most=40).n_whole == 16 * many
    with pytest.raises(UsageError, match="fewer epochs, or fewer updates"):
        plan_lists(some_candidates(), 4, 10**9, 0, draw="each", compared=False)


def test_without_a_usable_query_there_is_an_error() -> None:
    with pytest.raises(DataError, match="no query to train on"):
        plan_lists(some_candidates().with_columns(label=np.full(16, np.nan)), 4, 1, 0, "label", ["label"])


def test_of_a_pair_the_second_is_less_relevant_where_the_query_has_such() -> None:
    labels = [2.0] * 10 + [1.0, np.nan] + [3.0] * 3 + [0.0]
    candidates = some_candidates().with_columns(label=labels)
    rows = plan_lists(candidates, size=2, epochs=40, seed=0, labels="label").rows
    first, second = candidates["label"][rows].T
    of_a = rows[:, 0] < 12
    assert (second[of_a & (first == 2)] == 1).all()
    assert len(rows[~of_a]) == 40
    assert (rows[:, 0] != rows[:, 1]).all()


# -- by a teacher's scores ---------------------------------------------------------------------------------------------


def scored(scores: list[float], labels: list[float] | None = None) -> Candidates:
    """One query with these scores."""
    columns = {"t1": scores} | ({"label": labels} if labels else {})
    return Candidates.from_rows(["q"] * len(scores), [f"d{i}" for i in range(len(scores))], columns)


LISTS = st.integers(2, 40).flatmap(
    lambda n: st.tuples(
        st.lists(st.floats(-30, 30, width=32) | st.just(1.0), min_size=n, max_size=n),
        st.lists(st.sampled_from([0.0, 0.0, 1.0, 2.0, np.nan]), min_size=n, max_size=n),
    )
)


@pytest.mark.parametrize("draw", ["even", "hardest", "whole"])
@given(columns=LISTS, size=st.integers(2, 24), share=st.sampled_from([0.0, 0.125, 0.5, 1.0]), seed=st.integers(0, 3))
def test_lists_by_score_are_full_distinct_and_hold_the_relevant_first(draw, columns, size, share, seed) -> None:
    candidates = scored(*columns)
    arguments = {"labels": "label", "relevant_share": share, "draw": draw, "by": "t1"}
    rows = plan_lists(candidates, size, 2, seed, **arguments).rows
    np.testing.assert_array_equal(rows, plan_lists(candidates, size, 2, seed, **arguments).rows)
    n_relevant = int((candidates["label"] > 0).sum())
    for row in rows:
        kept = row[row >= 0]
        assert len(set(kept)) == len(kept) == (len(candidates) if draw == "whole" else min(size, len(candidates)))
        promised = min(n_relevant, max(1, int(len(kept) * share)) if share else 0, size)
        assert (candidates["label"][kept] > 0).sum() >= promised


def test_even_lists_cover_the_range_of_the_scores_whatever_their_density() -> None:
    crowded = scored([0.0, *np.linspace(9.0, 10.0, 95), 2.0, 4.0, 6.0, 8.0])
    for row in plan_lists(crowded, 5, 20, 0, draw="even", by="t1").rows:
        intervals = np.minimum(crowded["t1"][row] // 2, 4)
        assert sorted(intervals) == [0, 1, 2, 3, 4]
    of_random = plan_lists(crowded, 5, 20, 0).rows
    assert (crowded["t1"][of_random] > 9).mean() > 0.8


def test_even_lists_take_another_candidate_for_an_empty_interval() -> None:
    gap = scored([0.0, 0.1, 0.2, 10.0])
    for row in plan_lists(gap, 3, 10, 0, draw="even", by="t1").rows:
        assert 3 in row
        assert len(set(row)) == 3


def test_the_hardest_lists_are_the_relevant_one_the_best_of_the_others_and_a_band() -> None:
    scores = np.arange(256, dtype=float)
    labels = np.zeros(256)
    labels[[10, 255]] = 1, 2  # a relevant one that the teacher likes best is not a hard negative
    rows = plan_lists(
        scored(list(scores), list(labels)), 64, 8, 0, "label", relevant_share=1 / 64, draw="hardest", by="t1"
    ).rows
    for row in rows:
        ahead, hardest, band = row[0], row[1:32], row[32:]
        assert ahead in (10, 255)
        assert list(hardest) == list(range(254, 223, -1))
        assert np.diff(np.sort(band)).max() < 20
        assert band.min() < 10
        assert len(band) == 32
    assert len({tuple(sorted(row)) for row in rows}) > 1


def test_hard_lists_without_enough_irrelevant_candidates_are_filled_with_relevant_ones() -> None:
    candidates = scored([5.0, 4.0, 3.0, 2.0, 1.0], [1.0, 1.0, 1.0, 1.0, 0.0])
    (row,) = plan_lists(candidates, 4, 1, 0, "label", relevant_share=0.25, draw="hardest", by="t1").rows
    assert len(set(row)) == 4
    assert 4 in row


@pytest.mark.parametrize("draw", ["even", "hardest"])
def test_what_has_no_score_is_drawn_only_as_relevant(draw) -> None:
    candidates = scored([np.nan, 1.0, np.nan, 3.0, 2.0, np.nan], [1.0, 0, 0, 0, 0, 0])
    for row in plan_lists(candidates, 6, 3, 0, "label", draw=draw, by="t1").rows:
        assert sorted(row[row >= 0]) == [0, 1, 3, 4]


@pytest.mark.parametrize("draw", ["even", "hardest"])
def test_of_a_pair_by_score_the_second_is_less_relevant(draw) -> None:
    candidates = scored([9.0, 8.0, 7.0, 1.0, 0.0], [1.0, 2.0, 1.0, 0.0, 0.0])
    for first, second in plan_lists(candidates, 2, 20, 0, "label", draw=draw, by="t1").rows:
        assert draw == "even" or second == 3  # the best of the irrelevant ones
        assert candidates["label"][second] < candidates["label"][first]


def test_whole_lists_have_every_candidate_and_no_use_for_a_size() -> None:
    rows = plan_lists(some_candidates(), 2, 2, 0, draw="whole").rows
    assert rows.shape == (4, 12)
    assert {len(row[row >= 0]) for row in rows} == {12, 3}


def test_draws_that_read_scores_take_the_target_or_the_one_column_that_is_fitted() -> None:
    settings, columns = TrainingSettings(draw="even"), ["bm25", "label", "t1", "t2", "target"]
    assert drawn_by(TrainingSettings(draw="whole"), ["t1"], columns) is None
    assert drawn_by(settings, ["t1"], columns) == "t1"
    assert drawn_by(settings, ["t1", "target"], columns) == "target"
    assert drawn_by(TrainingSettings(draw="hardest", draw_by="bm25"), [], columns) == "bm25"
    with pytest.raises(UsageError, match=r"draw=even .* the objective fits none: name the column with draw_by, one of"):
        drawn_by(settings, [], columns)
    with pytest.raises(UsageError, match="the objective fits t1, t2"):
        drawn_by(settings, ["t1", "t2"], columns)
    with pytest.raises(UnknownNameError, match="column to draw lists by 'bm52'; did you mean 'bm25'"):
        drawn_by(TrainingSettings(draw="even", draw_by="bm52"), [], columns)
    with pytest.raises(UsageError, match="draw_by must be empty unless draw is even or hardest, got 'bm25' and random"):
        TrainingSettings(draw_by="bm25")


def test_a_teachers_scores_in_the_place_of_labels_do_not_say_what_is_relevant() -> None:
    settings = TrainingSettings()
    assert relevance_column(["t1"], ["label", "t1"], settings) == "label"
    assert relevance_column(["bm25", "label"], ["bm25", "label"], settings) == "label"
    assert relevance_column(["grade"], ["grade"], settings) == "grade"
    assert relevance_column([], ["label", "t1"], settings) is None
    assert relevance_column([], ["label", "t1"], TrainingSettings(draw="even")) == "label"


def test_a_query_is_drawn_where_any_column_that_is_learned_tells_its_candidates_apart() -> None:
    candidates = some_candidates().with_columns(t1=[*[1.0] * 12, 1.0, 2.0, 3.0, 1.0])
    plan = plan_lists(candidates, 4, 1, 0, "label", learned=["label", "t1"])
    assert (len(plan), plan.n_left_out) == (2, 1)
    assert len(plan_lists(candidates, 4, 1, 0, "label", learned=["t1"])) == 1


def test_each_candidate_is_read_by_itself_once_an_epoch() -> None:
    candidates = some_candidates()
    plan = plan_lists(candidates, size=8, epochs=3, seed=0, compared=False, draw="each")
    assert plan.rows.shape == (48, 1)
    epochs = plan.rows.reshape(3, 16)
    assert all(sorted(epoch) == list(range(16)) for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert plan.n_left_out == 0


def test_each_candidate_with_a_label_is_read_where_labels_are_learned() -> None:
    labels = np.full(16, np.nan)
    labels[[2, 15]] = 0, 1
    candidates = some_candidates().with_columns(label=labels.astype(np.float32))
    plan = plan_lists(candidates, 8, 1, 0, "label", ["label"], compared=False, draw="each")
    assert sorted(plan.rows[:, 0]) == [2, 15]
    assert plan.n_left_out == 1


def test_each_by_itself_is_refused_where_nothing_could_be_learned() -> None:
    with pytest.raises(UsageError, match="the objective compares those of a list"):
        plan_lists(some_candidates(), 8, 1, 0, draw="each")
    with pytest.raises(UsageError, match="epochs over 16 candidates"):
        plan_lists(some_candidates(), 8, 1 << 30, 0, compared=False, draw="each")
