"""Kept tokens are those that the tokenizer makes, and a text that is known is not tokenised again."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import make_tokenizer

from rankdistill.inputs.kept_tokens import KeptTokens
from rankdistill.inputs.pairs import PairAssembler
from rankdistill.inputs.tokens import TokenizedTexts

TEXTS = ["a dog", "", "the cat wrote a long book", "zebra dog", "sort " * 30]
TOKENIZER = make_tokenizer()


@given(st.lists(st.lists(st.sampled_from(TEXTS), max_size=8), max_size=5), st.integers(1, 6), st.integers(1, 8))
def test_they_are_what_the_tokenizer_makes(lists: list[list[str]], most: int, max_tokens: int) -> None:
    kept = KeptTokens(most, max_tokens)
    for texts in lists:
        expected, found = TokenizedTexts.from_texts(TOKENIZER, texts, max_tokens), kept.tokenize(TOKENIZER, texts)
        for part in ("ids", "offsets", "lengths"):
            np.testing.assert_array_equal(getattr(found, part), getattr(expected, part))
            assert getattr(found, part).dtype == getattr(expected, part).dtype


def test_a_known_text_is_not_tokenised_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assembler = PairAssembler(TOKENIZER, 16)
    assembler.keep_texts(100)
    tokenised: list[list[str]] = []
    from_texts = TokenizedTexts.from_texts

    def counted(tokenizer, texts, max_tokens):
        tokenised.append(texts)
        return from_texts(tokenizer, texts, max_tokens)

    monkeypatch.setattr(TokenizedTexts, "from_texts", counted)
    assembler.tokenize_pairs(TOKENIZER, [("a dog", "zebra dog"), ("a dog", "the cat")])
    assembler.tokenize_pairs(TOKENIZER, [("a cat", "the cat"), ("a cat", "a book")])
    assert tokenised == [["a dog"], ["zebra dog", "the cat"], ["a cat"], ["a book"]]
    assembler.keep_texts(0)
    assembler.tokenize(TOKENIZER, ["a cat"])
    assert tokenised[-1] == ["a cat"]
