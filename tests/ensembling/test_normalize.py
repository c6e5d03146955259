"""Each normalisation on plain lists, with missing scores, ties and lists of one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankdistill.ensembling import NORMALIZATIONS, normalize
from rankdistill.errors import UnknownNameError, UsageError

NAN = np.nan


def naive(method: str, scores: list[float]) -> list[float]:
    known = [s for s in scores if s == s]

    def one(s: float) -> float:
        if s != s or method == "none":
            return s
        if method == "center":
            return s - np.mean(known)
        if method == "zscore":
            return (s - np.mean(known)) / np.std(known) if len(set(known)) > 1 else 0.0
        if method == "minmax":
            return (s - min(known)) / (max(known) - min(known)) if len(set(known)) > 1 else 0.5
        beaten = sum(other < s for other in known) + (sum(other == s for other in known) - 1) / 2
        return beaten / (len(known) - 1) if len(known) > 1 else 0.5

    return [one(s) for s in scores]


lists_of_scores = st.lists(st.lists(st.sampled_from([NAN, -2.0, 0.0, 0.1, 1.0, 3.5, 20.0]), max_size=8), max_size=6)


@pytest.mark.parametrize("method", NORMALIZATIONS)
@given(lists=lists_of_scores)
def test_normalisation_equals_the_plain_formula(method, lists):
    flat = [s for scores in lists for s in scores]
    offsets = np.concatenate([[0], np.cumsum([len(scores) for scores in lists])]).astype(int)
    by_query = [s for scores in lists for s in naive(method, scores)]
    np.testing.assert_allclose(normalize(flat, offsets, method), by_query, atol=1e-12)
    np.testing.assert_allclose(normalize(flat, offsets, method, "all"), naive(method, flat), atol=1e-12)


def test_a_list_by_hand():
    scores, offsets = [3.0, 1.0, 1.0, NAN, 5.0, 7.0], [0, 4, 5, 6]
    np.testing.assert_allclose(normalize(scores, offsets, "minmax"), [1, 0, 0, NAN, 0.5, 0.5])
    np.testing.assert_allclose(normalize(scores, offsets, "rank"), [1, 0.25, 0.25, NAN, 0.5, 0.5])
    np.testing.assert_allclose(normalize(scores, offsets, "minmax", "all"), [1 / 3, 0, 0, NAN, 2 / 3, 1])
    np.testing.assert_allclose(
        normalize(scores, offsets, "zscore"), [2**0.5, -(0.5**0.5), -(0.5**0.5), NAN, 0, 0], atol=1e-12
    )


def test_equal_scores_are_not_told_apart_by_rounding():
    assert normalize([0.1] * 3, [0, 3], "zscore").tolist() == [0, 0, 0]


def test_unknown_names_list_the_valid_ones():
    with pytest.raises(UnknownNameError, match="did you mean 'zscore'"):
        normalize([1.0], [0, 1], "z-score")
    with pytest.raises(UnknownNameError, match="query"):
        normalize([1.0], [0, 1], "rank", "queries")
    with pytest.raises(UsageError, match="do not fit"):
        normalize([1.0], [0, 2], "rank")
