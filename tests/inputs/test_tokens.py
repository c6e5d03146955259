"""Texts are tokenised once, kept flat, cut to what a pair can hold, slice by slice where asked for."""

from __future__ import annotations

import numpy as np
import pytest

from rankdistill.errors import UsageError
from rankdistill.inputs.tokens import GrowingTexts, TokenizedTexts

TEXTS = ["a dog", "", "the cat wrote a long book", "zebra dog", "sort " * 30]


def test_rows_are_the_tokenizers_ids_without_special_tokens(tiny_tokenizer) -> None:
    tokens = TokenizedTexts.from_texts(tiny_tokenizer, TEXTS)
    assert len(tokens) == len(TEXTS)
    assert tokens.ids.dtype == np.int32
    for row, text in enumerate(TEXTS):
        expected = tiny_tokenizer(text, add_special_tokens=False)["input_ids"]
        np.testing.assert_array_equal(tokens[row], expected)
    np.testing.assert_array_equal(tokens[-1], tokens[len(TEXTS) - 1])
    with pytest.raises(IndexError):
        tokens[len(TEXTS)]


def test_cap_keeps_the_first_tokens_and_remembers_the_true_lengths(tiny_tokenizer) -> None:
    whole = TokenizedTexts.from_texts(tiny_tokenizer, TEXTS)
    cut = TokenizedTexts.from_texts(tiny_tokenizer, TEXTS, max_tokens=4)
    np.testing.assert_array_equal(cut.lengths, whole.lengths)
    for row in range(len(TEXTS)):
        np.testing.assert_array_equal(cut[row], whole[row][:4])


def test_slices_of_texts_give_the_same_as_one_list(tiny_tokenizer) -> None:
    whole = TokenizedTexts.from_texts(tiny_tokenizer, TEXTS)
    sliced = TokenizedTexts.from_texts(tiny_tokenizer, iter([TEXTS[:2], TEXTS[2:]]))
    for part in ("ids", "offsets", "lengths"):
        np.testing.assert_array_equal(getattr(sliced, part), getattr(whole, part))
    assert len(TokenizedTexts.from_texts(tiny_tokenizer, [])) == 0


@pytest.mark.parametrize("size", [1, 2, 100])
def test_texts_that_grow_are_the_same_as_far_as_they_are_asked_for(tiny_tokenizer, size: int) -> None:
    texts = TEXTS * 7
    whole = TokenizedTexts.from_texts(tiny_tokenizer, texts, max_tokens=4)
    slices = (texts[start : start + size] for start in range(0, len(texts), size))
    growing = GrowingTexts(tiny_tokenizer, len(texts), slices, max_tokens=4)
    for n in (0, 1, 5, 5, len(texts)):
        growing.up_to(n)
        np.testing.assert_array_equal(growing.lengths[:n], whole.lengths[:n])
        np.testing.assert_array_equal(growing.offsets[: n + 1], whole.offsets[: n + 1])
        np.testing.assert_array_equal(growing.ids[: whole.offsets[n]], whole.ids[: whole.offsets[n]])
    assert next(slices, None) is None


def test_cap_must_be_positive(tiny_tokenizer) -> None:
    with pytest.raises(UsageError, match="max_tokens"):
        TokenizedTexts.from_texts(tiny_tokenizer, TEXTS, max_tokens=0)
