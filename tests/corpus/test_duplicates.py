"""Duplicates: exact ones by their letters, near ones by MinHash, the first one kept."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankdistill.corpus.duplicates import (
    PERMUTATIONS,
    SHINGLE,
    band_keys,
    bands_for,
    content_key,
    repeated,
    threshold_of,
)

pytest.importorskip("rensa", reason="the extra 'corpus' is not installed")
LONG = " ".join(f"word{i} is followed by another one" for i in range(12))


@given(st.lists(st.integers(0, 5)))
def test_repeated_is_true_from_the_second_time_on(keys: list[int]) -> None:
    assert repeated(np.array(keys, np.uint64)).tolist() == [key in keys[:i] for i, key in enumerate(keys)]


@pytest.mark.parametrize("other", ["the CAT, sat!", "The cat  sat.", "the_cat-sat"])
def test_texts_of_the_same_letters_have_one_key(other: str) -> None:
    assert content_key("The cat sat") == content_key(other)
    assert content_key("The cat sat") != content_key("The cat sits")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("\u0915\u093f\u0924\u093e\u092c", "\u0915\u093e\u0924\u093e\u092c", False),  # kitab, katab
        ("\u0e01\u0e34\u0e19", "\u0e01\u0e31\u0e19", False),  # kin, kan
        ("Caf\u00e9!", "cafe\u0301", True),
        ("cafe", "cafe\u0301", False),
        ("\u2764\ufe0f heart", "\u2764 heart", True),  # a selector of the emoji's form
        ("co\u00adop", "coop", True),
        ("\u0130stanbul", "istanbul", True),
        ("\u201cStra\u00dfe\u201d", "STRASSE", True),
    ],
)
def test_marks_count_as_letters_do_and_what_does_not_show_as_nothing(one: str, other: str, same: bool) -> None:
    assert (content_key(one) == content_key(other)) == same


@given(st.text(st.characters(codec="utf-8")))
def test_keys_do_not_depend_on_composition_or_ascii_beside_it(text: str) -> None:
    key = content_key(text)
    assert key == content_key(unicodedata.normalize("NFD", text)) == content_key(f"\u2013 {text} \u2013_")


@pytest.mark.parametrize("similarity", [0.5, 0.6, 0.7, 0.8, 0.9])
def test_bands_have_their_threshold_near_the_similarity_asked_for(similarity: float) -> None:
    bands, rows = bands_for(similarity)
    assert bands * rows == PERMUTATIONS
    threshold = (1 / bands) ** (1 / rows)
    assert threshold_of(similarity) == round(threshold, 4)
    assert abs(threshold - similarity) < 0.15


def test_steps_of_the_similarity_are_those_that_help_names() -> None:
    taken = {threshold_of(thousandths / 1000) for thousandths in range(500, 1001)}
    assert sorted(round(each, 2) for each in taken) == [0.5, 0.77, 0.92, 0.98, 1.0]


def jaccard(one: str, other: str) -> float:
    sets = [{text.encode()[i : i + SHINGLE] for i in range(len(text.encode()) - SHINGLE + 1)} for text in (one, other)]
    return len(sets[0] & sets[1]) / len(sets[0] | sets[1])


@given(st.lists(st.text(max_size=30), min_size=1, max_size=6))
def test_keys_of_a_text_do_not_depend_on_the_texts_beside_it(texts: list[str]) -> None:
    alone = np.concatenate([band_keys([text], 8, 8) for text in texts], axis=1)
    assert (band_keys(texts, 8, 8) == alone).all()


def test_signatures_estimate_the_similarity_of_texts() -> None:
    """Share of equal one-row bands = share of equal minima, which MinHash says is the Jaccard similarity."""
    texts = [
        LONG,
        LONG.replace("word3 is followed", "word3 was preceded"),
        LONG.replace("another", "any other"),
        LONG[::-1],
    ]
    keys = band_keys(texts, PERMUTATIONS, 1)
    for other in range(1, 4):
        assert (keys[:, 0] == keys[:, other]).mean() == pytest.approx(jaccard(texts[0], texts[other]), abs=0.2)


@pytest.mark.parametrize(("changed", "found"), [(LONG.replace("word3", "wordy"), True), (LONG[::-1], False)])
def test_near_duplicates_share_a_band_and_others_do_not(changed: str, found: bool) -> None:
    keys = band_keys([LONG, changed], *bands_for(0.8))
    assert (keys[:, 0] == keys[:, 1]).any() == found


@pytest.mark.parametrize("text", ["", "a", "字", "ab cd", "\n"])
def test_short_texts_have_keys(text: str) -> None:
    assert (band_keys([text, text], 8, 8).T[0] == band_keys([text], 8, 8).T[0]).all()
