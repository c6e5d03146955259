"""Heads of one and of two logits are made from each other, with the same scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tiny import lively

from rankdistill.errors import DataError, UsageError
from rankdistill.models import CrossEncoder, ScoreContract, as_one_logit, relevant_second, with_two_logits

Pairs = list[tuple[str, str]]
TWO = [ScoreContract(form, 2.0, relevant, 1.0) for form in ("margin", "probability") for relevant in (0, 1)]


@pytest.mark.parametrize("contract", TWO)
@pytest.mark.parametrize("family", ["bert", "roberta", "distilbert", "qwen3", "gpt2"])
@pytest.mark.filterwarnings("ignore:model type 'gpt2'")
def test_two_logits_become_one_with_the_same_scores(
    family: str, contract: ScoreContract, tiny_tokenizer: Any, pairs: Pairs
) -> None:
    two = CrossEncoder(lively(family, num_labels=2), tiny_tokenizer, contract, max_length=48)
    one = as_one_logit(two)
    assert (one.contract.n_logits, one.model.config.num_labels, one.max_length) == (1, 1, 48)
    np.testing.assert_allclose(one.predict(pairs), two.predict(pairs), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(one.logits(pairs)[:, 0], two.contract.margins(two.logits(pairs)), rtol=1e-4, atol=1e-5)
    assert two.model.config.num_labels == 2
    assert as_one_logit(one) is one


@pytest.mark.parametrize("contract", TWO)
def test_the_relevant_logit_is_made_the_second(
    contract: ScoreContract, tiny_model: Callable[..., Any], tiny_tokenizer: Any, pairs: Pairs
) -> None:
    two = CrossEncoder(tiny_model(num_labels=2), tiny_tokenizer, contract)
    ordered = relevant_second(two)
    assert ordered.contract.relevant == 1
    np.testing.assert_allclose(ordered.predict(pairs), two.predict(pairs), atol=1e-6)
    np.testing.assert_allclose(with_two_logits(two).logits(pairs), ordered.logits(pairs), atol=1e-6)
    assert relevant_second(ordered) is ordered


@pytest.mark.parametrize(("form", "of_two"), [("logit", "margin"), ("sigmoid", "probability")])
def test_one_logit_becomes_two_and_one_again(form: str, of_two: str, tiny: CrossEncoder, pairs: Pairs) -> None:
    one = CrossEncoder(tiny.model, tiny.tokenizer, ScoreContract(form, 3.0, lowest=1.0))
    two = with_two_logits(one)
    assert two.contract == ScoreContract(of_two, 3.0, lowest=1.0)
    np.testing.assert_allclose(two.predict(pairs), one.predict(pairs), atol=1e-6)
    np.testing.assert_allclose(as_one_logit(two).predict(pairs), one.predict(pairs), atol=1e-6)


def test_saved_one_logit_model_names_no_labels_of_two(tmp_path: Any, tiny_model: Any, tiny_tokenizer: Any) -> None:
    model = tiny_model(num_labels=2)
    model.config.id2label = {0: "entailment", 1: "not_entailment"}
    two = CrossEncoder(model, tiny_tokenizer)
    assert two.contract.relevant == 0
    one = CrossEncoder.from_pretrained(as_one_logit(two).save(tmp_path / "one"))
    assert (one.model.config.id2label, one.contract) == ({0: "LABEL_0"}, ScoreContract("logit"))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_classifier_has_no_head_of_one_logit_and_none_of_two_but_its_own(
    n_classes: int, tiny_model: Any, tiny_tokenizer: Any
) -> None:
    model = tiny_model(num_labels=n_classes)
    classifier = CrossEncoder(model, tiny_tokenizer, ScoreContract("classes", n_classes=n_classes))
    with pytest.raises(UsageError, match=f"a classifier of {n_classes} classes"):
        as_one_logit(classifier)
    assert classifier.with_relevant("0") is classifier
    if n_classes == 2:
        assert with_two_logits(classifier) is classifier
        return
    with pytest.raises(UsageError, match="a classifier of 3 classes"):
        with_two_logits(classifier)


def test_a_head_that_is_no_linear_map_is_refused(tiny_model: Any, tiny_tokenizer: Any) -> None:
    model = tiny_model(num_labels=2)
    model.classifier = type("Own", (type(model.dropout),), {"out_features": 2})()
    with pytest.raises(DataError, match="does not end in a linear map to 2 logits"):
        as_one_logit(CrossEncoder(model, tiny_tokenizer))
