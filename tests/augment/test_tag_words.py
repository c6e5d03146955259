"""Draws of words by tag: another word of the same tag, as often as the texts have it."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankdistill.augment.tag_words import TagWords
from rankdistill.errors import DataError

OCCURRENCES = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6), st.integers(1, 4)), min_size=1, max_size=40)


def table(rows: list[tuple[int, int, int]]) -> TagWords:
    tags, words, weights = (np.array(column) for column in zip(*rows, strict=True))
    return TagWords.count(tags, words, weights, 7, ["A", "B", "C", "D"])


def naive(rows: list[tuple[int, int, int]], tag: int, word: int, uniform: float) -> int:
    """Walk over the other words of the tag until their counts exceed the draw."""
    counts: dict[int, Counter[int]] = defaultdict(Counter)
    for each_tag, each_word, weight in rows:
        counts[each_tag][each_word] += weight
    others = {each: count for each, count in sorted(counts[tag].items()) if each != word}
    drawn, passed = int(uniform * sum(others.values())), 0
    for each, count in others.items():
        passed += count
        if drawn < passed:
            return each
    return -1


@given(OCCURRENCES, st.lists(st.tuples(st.integers(0, 6), st.floats(0, 0.999)), min_size=1, max_size=20))
def test_draws_are_those_of_a_walk_over_the_other_words_of_the_tag(
    rows: list[tuple[int, int, int]], wanted: list[tuple[int, float]]
) -> None:
    tags = [rows[place % len(rows)][0] for place in range(len(wanted))]
    words, uniform = (np.array(column) for column in zip(*wanted, strict=True))
    expected = [naive(rows, tag, word, draw) for tag, word, draw in zip(tags, words, uniform, strict=True)]
    assert table(rows).draw(np.array(tags), words, uniform).tolist() == expected


def test_shares_are_those_of_the_unigrams_without_the_word_itself() -> None:
    rows = [(0, 0, 100), (0, 1, 30), (0, 2, 10), (1, 3, 5)]
    uniform = np.random.default_rng(0).random(20_000)
    drawn = table(rows).draw(np.zeros(20_000, int), np.zeros(20_000, int), uniform)
    assert set(drawn.tolist()) == {1, 2}
    assert abs((drawn == 1).mean() - 0.75) < 0.01


def test_the_only_word_of_its_tag_has_no_other() -> None:
    assert table([(0, 1, 3), (1, 2, 1)]).draw(np.array([0]), np.array([1]), np.array([0.5])).tolist() == [-1]


def test_a_tag_that_was_never_seen_is_an_error_that_names_it() -> None:
    with pytest.raises(DataError, match=r"no word is known of the tag 'D'"):
        table([(0, 1, 3)]).draw(np.array([0, 3]), np.array([1, 1]), np.array([0.5, 0.5]))
