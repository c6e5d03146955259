"""What masking each word does: every word once, entropies of the model's own probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tiny import make_model, make_tokenizer

from rankdistill.augment.masked_case import Effect, effect, masked_words
from rankdistill.data.scored_pairs import ScoredPairs
from rankdistill.errors import DataError
from rankdistill.models import CrossEncoder, ScoreContract
from rankdistill.models.labels import name_logits

SCORED = ScoredPairs("classification", ("negative", "positive"), n_texts=1)


def classifier(*classes: str) -> Any:
    model = make_model("bert", num_labels=len(classes))
    name_logits(model.config, list(classes))
    return CrossEncoder(model, make_tokenizer(), ScoreContract("classes", n_classes=len(classes)), n_texts=1)


def test_each_word_of_both_texts_is_masked_once() -> None:
    found = masked_words(("a dog .", "the cat"), "<mask>")
    assert [(each.side, each.word) for each in found] == [(0, ""), (0, "a"), (0, "dog"), (1, "the"), (1, "cat")]
    assert found[2].texts == ("a <mask> .", "the cat")
    assert found[4].texts == ("a dog .", "the <mask>")


def test_entropy_is_nought_where_certain_and_ln_c_where_nothing_is_known() -> None:
    each = Effect(np.zeros(2, np.float32), np.array([[1.0, 0.0], [0.5, 0.5]]))
    assert each.entropies is not None
    np.testing.assert_allclose(each.entropies, [0, np.log(2)])


def test_probabilities_are_those_of_the_masked_text() -> None:
    model = classifier("negative", "positive")
    variants, found = effect(model, ("the dog is a list",), SCORED, "tiny")
    inputs = model.tokenizer(variants[2].texts[0], return_tensors="pt")
    expected = model.model(**inputs).logits.softmax(-1).detach().numpy()[0]
    assert variants[2].word == "dog"
    assert found.probabilities is not None
    np.testing.assert_allclose(found.probabilities[2], expected, atol=1e-6)


def test_a_model_of_other_classes_is_refused() -> None:
    with pytest.raises(DataError, match="good"):
        effect(classifier("bad", "good", "ugly"), ("the dog",), SCORED, "tiny")


def test_words_do_not_depend_on_the_mask_though_a_text_has_it() -> None:
    for text in ("a <mask> dog", "a [MASK] dog", "a [UNK] dog"):
        one, other, third = (masked_words((text,), mask) for mask in ("[MASK]", "<mask>", "[UNK]"))
        assert [each.word for each in one] == [each.word for each in other] == [each.word for each in third]


def test_words_that_a_model_does_not_read_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    effect(classifier("negative", "positive"), ("the dog is a list " * 100,), SCORED, "tiny")
    assert "words beyond are masked without effect" in " ".join(capsys.readouterr().err.split())
