"""Texts are tokenised once, kept flat, cut with a count, and saved as arrays to be mapped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rankdistill.errors import DataError, UsageError
from rankdistill.scoring import TokenizedTexts

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
    assert (cut.n_truncated, whole.n_truncated) == (int((whole.lengths > 4).sum()), 0)


def test_slices_of_texts_give_the_same_as_one_list(tiny_tokenizer) -> None:
    whole = TokenizedTexts.from_texts(tiny_tokenizer, TEXTS)
    sliced = TokenizedTexts.from_texts(tiny_tokenizer, iter([TEXTS[:2], TEXTS[2:]]))
    for part in ("ids", "offsets", "lengths"):
        np.testing.assert_array_equal(getattr(sliced, part), getattr(whole, part))
    assert len(TokenizedTexts.from_texts(tiny_tokenizer, [])) == 0


def test_saved_tokens_are_opened_memory_mapped(tiny_tokenizer, tmp_path: Path) -> None:
    tokens = TokenizedTexts.from_texts(tiny_tokenizer, TEXTS, max_tokens=4)
    loaded = TokenizedTexts.load(tokens.save(tmp_path / "tokens"))
    assert isinstance(loaded.ids, np.memmap)
    for part in ("ids", "offsets", "lengths"):
        np.testing.assert_array_equal(getattr(loaded, part), getattr(tokens, part))
    with pytest.raises(DataError, match=r"ids\.npy is missing"):
        TokenizedTexts.load(tmp_path)


def test_cap_must_be_positive(tiny_tokenizer) -> None:
    with pytest.raises(UsageError, match="max_tokens"):
        TokenizedTexts.from_texts(tiny_tokenizer, TEXTS, max_tokens=0)
