"""Lists are drawn from the query's own candidates, the relevant ones first, the same way for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

from rankdistill.data import Candidates
from rankdistill.errors import DataError
from rankdistill.training import plan_lists


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
    plan = plan_lists(some_candidates(), size=4, epochs=5, seed=0, labels="label", only_labelled=True)
    assert plan.n_left_out == 2
    assert all(set(row[:2]) == {4, 9} for row in plan.rows)
    assert len({tuple(row) for row in plan.rows}) > 1


def test_relevant_candidates_leave_room_for_others() -> None:
    candidates = some_candidates().with_columns(label=[1.0] * 11 + [0.0] * 5)
    rows = plan_lists(candidates, size=4, epochs=20, seed=0, labels="label", only_labelled=True).rows
    assert (np.isin(rows, np.arange(11)).sum(1) >= 2).all()
    assert 11 in rows


def test_the_same_seed_draws_the_same_lists_and_another_draws_others() -> None:
    first, again, other = (plan_lists(some_candidates(), 4, 3, seed).rows for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_without_a_usable_query_there_is_an_error() -> None:
    with pytest.raises(DataError, match="no query to train on"):
        plan_lists(some_candidates().with_columns(label=np.full(16, np.nan)), 4, 1, 0, "label", only_labelled=True)


def test_of_a_pair_the_second_is_less_relevant_where_the_query_has_such() -> None:
    labels = [2.0] * 10 + [1.0, np.nan] + [3.0] * 3 + [0.0]
    candidates = some_candidates().with_columns(label=labels)
    rows = plan_lists(candidates, size=2, epochs=40, seed=0, labels="label").rows
    first, second = candidates["label"][rows].T
    of_a = rows[:, 0] < 12
    assert (second[of_a & (first == 2)] == 1).all()
    assert len(rows[~of_a]) == 40
    assert (rows[:, 0] != rows[:, 1]).all()
