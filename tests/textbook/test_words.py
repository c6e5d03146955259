"""Words: the same ones whatever stands beside them, and however Unicode writes them."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankdistill.textbook.words import words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Don't PANIC, 42 towels!", ["don't", "panic", "42", "towels"]),
        ("naïve Straße", ["naïve", "strasse"]),
        ("我喜欢 cats", ["我", "喜", "欢", "cats"]),
        ("?!", []),
        ("I don\u2019t, don\u02bct, don\uff07t", ["i", "don't", "don't", "don't"]),
        ("the dogs\u2019 \u2018house\u2019", ["the", "dogs", "house"]),
        ("l\u2019été, l'e\u0301te\u0301", ["l'été", "l'été"]),
        ("\uff26\uff35\uff2c\uff2c width", ["full", "width"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("co\u00adop \u200d", ["coop"]),
    ],
)
def test_words_have_no_case_and_no_punctuation(text: str, words: list[str]) -> None:
    assert words_of(text) == words


@given(st.text(st.characters(max_codepoint=127)))
def test_words_do_not_depend_on_the_text_beside_them(text: str) -> None:
    assert words_of(f"{text} \u2013 café") == [*words_of(text), "café"]
    assert words_of(text.replace("'", "\u2019")) == words_of(text)


@given(st.text(st.characters(categories=("L", "M", "Nd", "Zs", "Po"))))
def test_words_do_not_depend_on_composition(text: str) -> None:
    assert words_of(unicodedata.normalize("NFD", text)) == words_of(unicodedata.normalize("NFC", text))
