"""Experts that read their texts in prompts score together as each of them does alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_causal import FAMILIES, SHAPE, causal_tokenizer, write_causal
from transformers import AutoConfig, AutoModelForSequenceClassification

from rankdistill.cli.experts import experts_over
from rankdistill.data import Candidates, Collection, Texts
from rankdistill.errors import UsageError
from rankdistill.inputs.texts import PairTexts
from rankdistill.models import CrossEncoder
from rankdistill.scoring.experts import score_experts
from rankdistill.scoring.settings import ScoringSettings
from rankdistill.scoring.shared_tokens import SharedTokens

TOKENS = {"relevant_token": "a", "other_token": "the"}
PROMPTS = {
    "one": "Query: {query}\nDocument: {document}\nAnswer:",
    "two": "Judge the dog.\nQuery: {query}\nDocument: {document}\nAnswer yes or no:",
    "reversed": "B: {document}\nA: {query}\nAnswer:",
}
QUERIES = {"q0": "what is a dog?", "q1": " how to sort a list\n", "q2": "the long book " * 20}
DOCUMENTS = {"d0": "a dog", "d1": " the cat wrote a book.\n", "d2": "", "d3": "sorted a new list " * 40}
ROWS = [(query, document) for query in QUERIES for document in DOCUMENTS]
PAIRS = [(QUERIES[query], DOCUMENTS[document]) for query, document in ROWS]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, CrossEncoder]:
    """Three experts with a prompt each, one of them at two lengths, a plain one, and one with text before queries."""
    folder = write_causal(tmp_path_factory.mktemp("causal") / "model")
    asked = {name: CrossEncoder.from_pretrained(folder, prompt=text, **TOKENS) for name, text in PROMPTS.items()}
    first = asked["one"]
    asked["short"] = CrossEncoder(first.model, first.tokenizer, first.contract, max_length=90, asked=first.asked)
    config = type(AutoConfig.for_model("qwen3"))(**{**SHAPE, **FAMILIES["qwen3"][1], "num_labels": 1})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = AutoModelForSequenceClassification.from_config(config).eval()
    plain = {
        name: CrossEncoder(network, causal_tokenizer(), max_length=120, prompt=prompt)
        for name, prompt in (("plain", ""), ("before", "Query: "))
    }
    return {**plain, **asked}


@pytest.fixture
def collection() -> Collection:
    return Collection("tiny", *(Texts.from_pairs(list(each), list(each.values())) for each in (QUERIES, DOCUMENTS)))


@pytest.fixture
def candidates() -> Candidates:
    return Candidates.from_rows([query for query, _ in ROWS], [document for _, document in ROWS], {})


def test_prompted_experts_score_as_each_alone(
    models: dict[str, CrossEncoder], candidates: Candidates, collection: Collection
) -> None:
    columns, _ = score_experts(models, candidates, collection)
    for name, model in models.items():
        expected = model.predict(PAIRS)
        assert np.ptp(expected) > 0.1
        np.testing.assert_allclose(columns[name], expected, atol=1e-5, err_msg=name)


def test_tokens_are_shared_by_those_who_put_texts_in_the_same_prompt(
    models: dict[str, CrossEncoder], candidates: Candidates, collection: Collection
) -> None:
    shared = SharedTokens(PairTexts(candidates, collection), models.values())
    for model in models.values():
        shared.of(model, check=False)
    assert shared.n_tokenizations == len(models) - 1, "one and short have one prompt"


def test_folders_of_several_kinds_are_each_asked_as_they_can_be(
    models: dict[str, CrossEncoder], candidates: Candidates, collection: Collection, tmp_path: Path
) -> None:
    asked = {"prompt": PROMPTS["one"], **TOKENS}
    folders = {"causal": write_causal(tmp_path / "causal"), "plain": models["plain"].save(tmp_path / "plain")}
    columns, _ = score_experts(folders, candidates, collection, ScoringSettings(**asked))
    np.testing.assert_allclose(columns["causal"], models["one"].predict(PAIRS), atol=1e-4)
    np.testing.assert_allclose(columns["plain"], models["plain"].predict(PAIRS), atol=1e-4)
    words = [f"{name}={folder}" for name, folder in folders.items()]
    guides = experts_over(None, words, ScoringSettings(**asked, dtype="bfloat16"))
    assert {name: guide.fingerprint() for name, guide in guides.items() if isinstance(guide, CrossEncoder)} == {
        "causal": models["one"].fingerprint(),
        "plain": models["plain"].fingerprint(),
    }
    with pytest.raises(UsageError, match="reads no prompt"):  # of one alone, as `score --model` does
        score_experts({"plain": folders["plain"]}, candidates, collection, ScoringSettings(**asked))
