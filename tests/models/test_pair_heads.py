"""Heads of scored pairs: classes, similarities, single texts; saved, loaded, and equal to transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import FAMILIES, lively, make_tokenizer

from rankdistill.data.scored_pairs import ScoredPairs
from rankdistill.errors import UsageError
from rankdistill.models import CrossEncoder, ScoreContract

CLASSES = ("entailment", "neutral", "contradiction")
THREE = ScoreContract("classes", n_classes=3)
TEXTS = ["a cat", "how to sort a long list of dogs", "what", "the first book is long"]
PAIRS = [(text, other) for text in TEXTS for other in TEXTS[:2]]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    CrossEncoder(lively("bert"), make_tokenizer()).save(tmp_path / "base")
    return tmp_path / "base"


def three_classes(base: Path, **more: Any) -> CrossEncoder:
    return CrossEncoder.from_base(base, 3, contract=THREE, labels=CLASSES, **more)


def test_score_of_a_classifier_is_the_likeliest_class() -> None:
    logits = np.array([[0, 2, 1], [3, 3, 0], [-1, -2, 0]], np.float32)
    assert THREE.scores(logits).tolist() == [1, 0, 2]
    with pytest.raises(UsageError, match="a classifier of 3 classes gives no score to rank candidates by"):
        THREE.margins(logits)


def test_score_of_a_similarity_is_in_its_range() -> None:
    contract = ScoreContract.for_pairs(ScoredPairs("similarity", lowest=1.0, highest=5.0))
    scores = contract.scores(np.array([[-1e9], [0], [1e9]], np.float32))
    assert scores.tolist() == [1, 3, 5]


@pytest.mark.parametrize("n_texts", [1, 2])
def test_a_classifier_is_saved_and_loaded_with_its_labels(base: Path, tmp_path: Path, n_texts: int) -> None:
    model = three_classes(base, n_texts=n_texts)
    model.save(tmp_path / "model")
    again = CrossEncoder.from_pretrained(tmp_path / "model")
    assert again.contract == THREE
    assert again.n_texts == n_texts
    assert again.model.config.id2label == dict(enumerate(CLASSES))
    assert again.fingerprint() == model.fingerprint()
    assert np.array_equal(again.predict(PAIRS), model.predict(PAIRS))


def test_a_trained_head_is_kept_for_the_same_classes_and_new_for_others(base: Path, tmp_path: Path) -> None:
    three_classes(base, seed=1).save(tmp_path / "nli")
    trained = CrossEncoder.from_pretrained(tmp_path / "nli").logits(PAIRS)
    assert np.array_equal(three_classes(tmp_path / "nli", seed=2).logits(PAIRS), trained)
    other = CrossEncoder.from_base(tmp_path / "nli", 3, contract=THREE, labels=("a", "b", "c"), seed=2)
    assert not np.allclose(other.logits(PAIRS), trained)
    assert other.model.config.id2label == {0: "a", 1: "b", 2: "c"}
    again = CrossEncoder.from_base(tmp_path / "nli", 3, contract=THREE, labels=("a", "b", "c"), seed=2)
    assert again.fingerprint() == other.fingerprint()


@pytest.mark.parametrize("family", FAMILIES)
def test_single_texts_are_read_as_transformers_reads_them(family: str) -> None:
    network, tokenizer = lively(family, num_labels=3), make_tokenizer()
    model = CrossEncoder(network, tokenizer, THREE, n_texts=1)
    expected = []
    for text in TEXTS:
        inputs = dict(tokenizer(text, return_tensors="pt"))
        names = model.assembler.input_names
        with torch.no_grad():
            expected.append(network(**{name: inputs[name] for name in names}).logits[0].numpy())
    np.testing.assert_allclose(model.logits(TEXTS), np.stack(expected), atol=1e-5)
    np.testing.assert_allclose(model.logits([(text, "") for text in TEXTS]), np.stack(expected), atol=1e-5)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"form": "classes"}, "a form 'classes', and no other, has two classes or more, got 0"),
        ({"form": "classes", "n_classes": 1}, "got 1"),
        ({"form": "classes", "n_classes": True}, "got True"),
        ({"form": "logit", "n_classes": 3}, "got 3"),
        ({"form": "sigmoid", "lowest": float("nan")}, "the lowest score of a score contract must be finite"),
    ],
)
def test_contracts_that_cannot_be_are_refused(settings: dict, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        ScoreContract(**settings)
