"""Masked words: every model reads its own mask token, whatever the texts have in its place."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tiny import make_model, make_tokenizer

from rankdistill.data import Candidates, Collection, Texts
from rankdistill.errors import DataError
from rankdistill.inputs.own_masks import read_by
from rankdistill.models import CrossEncoder
from rankdistill.scoring.experts import score_experts
from rankdistill.scoring.score import score


def collection(mask: str | None, written: str = "<mask>") -> Collection:
    ids = ["1", "2"]
    firsts, seconds = [f"the {written} is a list", "a cat"], ["a dog", f"{written} of the list"]
    return Collection(
        "c",
        Texts.from_pairs(ids, firsts),
        Texts.from_pairs(ids, seconds),
        candidates=Candidates.from_rows(ids, ids),
        mask_token=mask,
    )


def tokenizer(mask: str | None, unknown: str | None) -> Any:
    return SimpleNamespace(mask_token=mask, unk_token=unknown)


def test_texts_have_the_models_mask_or_its_unknown_token() -> None:
    found = read_by(tokenizer("[MASK]", "[UNK]"), collection("<mask>"))
    assert found.queries.texts.to_pylist() == ["the [MASK] is a list", "a cat"]
    assert found.documents.texts.to_pylist() == ["a dog", "[MASK] of the list"]
    assert read_by(tokenizer(None, "<unk>"), collection("<mask>")).queries["1"] == "the <unk> is a list"
    for same in (collection(None), collection("[MASK]", "[MASK]"), collection("<mask>", "dog")):
        assert read_by(tokenizer("[MASK]", "[UNK]"), same) is same


def test_a_model_without_either_is_refused_where_words_are_masked() -> None:
    with pytest.raises(DataError, match=r"neither a mask token nor one for unknown words.*--p-mask 0"):
        read_by(tokenizer(None, None), collection("<mask>"))
    assert read_by(tokenizer(None, None), collection("<mask>", "dog")).queries["1"] == "the dog is a list"


def test_scores_are_those_of_texts_with_the_models_mask() -> None:
    model = CrossEncoder(make_model(), make_tokenizer())
    foreign, own = collection("<mask>"), collection(None, "[MASK]")
    assert own.candidates is not None
    expected = score(model, own.candidates, own)
    np.testing.assert_array_equal(score(model, own.candidates, foreign), expected)
    columns, _ = score_experts({"a": model, "b": model}, own.candidates, foreign)
    np.testing.assert_array_equal(columns["a"], expected)
    np.testing.assert_array_equal(columns["b"], expected)
