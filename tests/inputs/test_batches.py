"""Length-sorted batches cover every item once, keep to the budget and start with the longest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankdistill.errors import UsageError
from rankdistill.models import length_sorted_batches


@given(st.lists(st.integers(0, 60), max_size=80), st.integers(1, 200))
def test_every_item_is_in_one_batch_within_the_budget(lengths: list[int], batch_tokens: int) -> None:
    batches = length_sorted_batches(lengths, batch_tokens)
    assert sorted(np.concatenate([*batches, []]).tolist()) == list(range(len(lengths)))
    padded = 0
    for items in batches:
        longest = max(lengths[i] for i in items)
        assert longest == lengths[items[0]]
        assert len(items) == 1 or longest * len(items) <= batch_tokens
        padded += longest * len(items)
    firsts = [lengths[items[0]] for items in batches]
    assert firsts == sorted(firsts, reverse=True)
    assert batches.padding == pytest.approx(1 - sum(lengths) / padded if padded else 0)


def test_equal_lengths_waste_nothing_and_keep_their_order() -> None:
    batches = length_sorted_batches([4] * 5, 8)
    assert [items.tolist() for items in batches] == [[0, 1], [2, 3], [4]]
    assert batches.padding == 0
    assert len(batches) == 3


def test_budget_must_be_positive() -> None:
    with pytest.raises(UsageError, match="batch_tokens"):
        length_sorted_batches([1], 0)


def test_batches_of_equal_lengths_have_no_padding() -> None:
    lengths = np.random.default_rng(0).integers(0, 12, 300)
    batches = length_sorted_batches(lengths, 64, equal=True)
    assert batches.padding == 0
    assert all(np.ptp(lengths[items]) == 0 for items in batches)
    assert sorted(np.concatenate(list(batches)).tolist()) == list(range(300))
    assert all(len(items) * lengths[items].max() <= 64 for items in batches)
