"""Masking for masked language models: shares, special tokens, determinism."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import make_tokenizer

from rankdistill.errors import DataError, UsageError
from rankdistill.inputs.masking import TokenMasker

TOKENIZER = make_tokenizer()
SPECIAL = TOKENIZER.all_special_ids


def batch(seed: int, pairs: int = 400, length: int = 50) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, len(TOKENIZER), (pairs, length))
    mask = (np.arange(length) < rng.integers(1, length + 1, (pairs, 1))).astype(np.int64)
    return ids, mask


def masked(ids: Any, mask: Any, seed: int = 0, share: float = 0.15) -> tuple[Any, Any]:
    return TokenMasker(TOKENIZER, share)(ids, mask, np.random.default_rng(seed).random(ids.shape))


@given(st.integers(0, 1000), st.floats(0.01, 0.99))
def test_only_ordinary_tokens_that_are_no_padding_are_chosen_and_only_they_change(seed: int, share: float) -> None:
    ids, mask = batch(seed, 5, 12)
    before = ids.copy()
    replaced, chosen = masked(ids, mask, seed, share)
    assert (ids == before).all()
    assert not np.isin(ids[chosen], SPECIAL).any()
    assert (mask[chosen] == 1).all()
    assert (replaced[~chosen] == ids[~chosen]).all()


@pytest.mark.parametrize("share", [0.15, 0.4])
def test_shares_are_those_of_bert(share: float) -> None:
    ids, mask = batch(0, 4000)
    replaced, chosen = masked(ids, mask, share=share)
    ordinary = (mask == 1) & ~np.isin(ids, SPECIAL)
    assert chosen.sum() / ordinary.sum() == pytest.approx(share, abs=0.01)
    is_mask = (replaced == TOKENIZER.mask_token_id)[chosen].mean()
    stays = (replaced == ids)[chosen].mean()
    assert is_mask == pytest.approx(0.8 + 0.1 / len(TOKENIZER), abs=0.01)
    assert stays == pytest.approx(0.1 + 0.1 / len(TOKENIZER), abs=0.01)


def test_random_tokens_come_from_the_whole_vocabulary() -> None:
    ids, mask = batch(0, 8000)
    replaced, chosen = masked(ids, mask)
    drawn = set(replaced[chosen & (replaced != ids) & (replaced != TOKENIZER.mask_token_id)].tolist())
    assert drawn == set(range(len(TOKENIZER))) - {TOKENIZER.mask_token_id}


def test_the_same_draws_give_the_same_masks_and_others_others() -> None:
    ids, mask = batch(0)
    one, again, other = (masked(ids, mask, seed) for seed in (1, 1, 2))
    assert (one[0] == again[0]).all()
    assert (one[1] == again[1]).all()
    assert (one[1] != other[1]).any()


@pytest.mark.parametrize("share", [0.0, 1.0, float("nan")])
def test_a_share_that_cannot_be_is_refused(share: float) -> None:
    with pytest.raises(UsageError, match="must be above 0 and below 1"):
        TokenMasker(TOKENIZER, share)


def test_a_tokenizer_without_a_mask_token_is_refused() -> None:
    tokenizer = make_tokenizer()
    tokenizer.mask_token = None
    with pytest.raises(DataError, match="has no mask token"):
        TokenMasker(tokenizer)
