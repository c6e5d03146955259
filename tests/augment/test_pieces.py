"""Texts split into words and what is between them: nothing is lost, punctuation is no word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankdistill.augment.pieces import encode, is_word, joined, split

MASK = "[MASK]"


def words(text: str, mask: str = MASK) -> list[str]:
    return [piece for piece in split(text, mask) if is_word(piece, mask)]


@given(st.text())
def test_pieces_joined_are_the_text(text: str) -> None:
    assert "".join(split(text, MASK)) == text


@given(st.lists(st.text(st.sampled_from("ab .,'\u2019[]MASK-\u00a0\u6771\n"), max_size=30), max_size=8))
def test_numbered_pieces_joined_are_the_texts(texts: list[str]) -> None:
    vocabulary, ids, offsets = encode([split(text, MASK) for text in texts])
    assert joined(vocabulary, ids, offsets).to_pylist() == texts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("it 's n't a well-known (good) movie.", ["it", "'s", "n't", "a", "well-known", "good", "movie"]),
        ("-lrb- what ? -rrb- `` yes '' ...", ["what", "yes"]),
        ("the U.S. paid $5.00, don\u2019t it", ["the", "U.S", "paid", "5.00", "don\u2019t", "it"]),
        ("a [MASK] b[MASK]c [mask]", ["a", "b", "c"]),
        ("\u6771\u4eac is 2 big", ["\u6771", "\u4eac", "is", "2", "big"]),
        ("\U00020bb7\u91ce \u30bf\u30ef", ["\U00020bb7", "\u91ce", "\u30bf", "\u30ef"]),
        ("one\u00a0two", ["one", "two"]),
        ("हिन्दी भाषा, सुन्दर है।", ["हिन्दी", "भाषा", "सुन्दर", "है"]),
        ("a cafe\u0301, it 's s\u0301", ["a", "cafe\u0301", "it", "'s", "s\u0301"]),
        ("a\u0301[MASK]", ["a\u0301"]),
        ("!!!", []),
        ("", []),
    ],
)
def test_words_are_what_stands_between_blanks_without_punctuation(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_another_mask_token_is_no_word() -> None:
    assert words("a <mask> [MASK]", "<mask>") == ["a", "MASK"]
