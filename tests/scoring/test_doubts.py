"""Scores that contradict the judgments, or that float32 rounds to one number, are said; others are not."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import judged_collection, lively

from rankdistill.data import Candidates, Collection
from rankdistill.models import CrossEncoder, ScoreContract
from rankdistill.scoring import score
from rankdistill.scoring.doubts import warn_of_doubts

LOGIT, MARGIN = ScoreContract("logit"), ScoreContract("margin")


@pytest.fixture
def judged() -> Collection:
    return judged_collection()


def run_of(collection: Collection, n_queries: int = 60) -> tuple[Candidates, Any]:
    """Five candidates a query, of which one is relevant, and whether each is."""
    documents = collection.documents.ids.to_pylist()
    pairs = [(f"q{i}", documents[(i + j) % len(documents)]) for i in range(n_queries) for j in range(5)]
    relevant = np.array([query[1:] == document[1:] for query, document in pairs], np.float32)
    return Candidates.from_rows([q for q, _ in pairs], [d for _, d in pairs]), relevant


@pytest.mark.parametrize(
    ("contract", "asked"), [(MARGIN, "--relevant-label"), (LOGIT, "does it score what is less relevant higher")]
)
def test_scores_that_rank_backwards_are_said(contract: ScoreContract, asked: str, judged: Collection) -> None:
    run, relevant = run_of(judged)
    with pytest.warns(UserWarning, match=rf"backwards: in 240 of 240 pairs.*{asked}"):
        warn_of_doubts(-relevant, contract, run, judged)


@pytest.mark.parametrize("seed", range(5))
def test_scores_that_rank_rightly_or_at_random_are_not(seed: int, judged: Collection) -> None:
    run, relevant = run_of(judged)
    random = np.random.default_rng(seed).normal(size=len(relevant)).astype(np.float32)
    few, relevant_few = run_of(judged, 5)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for scores in (relevant, random, relevant + 3 * random):
            warn_of_doubts(scores, LOGIT, run, judged)
        warn_of_doubts(-relevant_few, LOGIT, few, judged)
        warn_of_doubts(-relevant, LOGIT, run, Collection("unjudged", judged.queries, judged.documents))


def test_probabilities_that_are_all_one_are_said(judged: Collection) -> None:
    run, relevant = run_of(judged)
    margins = 20 + relevant
    for contract in (ScoreContract("probability", 5.0), ScoreContract("sigmoid", 4.0, lowest=1.0)):
        with pytest.warns(UserWarning, match=r"300 of 300 scores are 5, where float32 ends.*instead of"):
            warn_of_doubts(contract.scores_of_margins(margins), contract, run, judged)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warn_of_doubts(MARGIN.scores_of_margins(margins), MARGIN, run, judged)


def test_the_relevant_label_turns_the_order_and_is_part_of_the_stores_key(
    tiny_tokenizer: Any, tmp_path: Path, candidates: Any, collection: Any
) -> None:
    network = lively("bert", num_labels=2)
    with torch.no_grad():
        network.classifier.weight.mul_(40)
    network.config.id2label = {0: "entailment", 1: "not_entailment"}
    network.save_pretrained(tmp_path / "model")
    tiny_tokenizer.save_pretrained(tmp_path / "model")
    store = tmp_path / "store"
    folder = tmp_path / "model"
    scores = score(folder, candidates, collection, store=store)
    logits = CrossEncoder.from_pretrained(folder).logits([("what is a dog", "a dog")])
    assert CrossEncoder.from_pretrained(folder).predict([("what is a dog", "a dog")]) == logits[0, 0] - logits[0, 1]
    turned = score(folder, candidates, collection, store=store, relevant_label="not entailment")
    np.testing.assert_array_equal(turned, -scores)
    np.testing.assert_array_equal(score(CrossEncoder.from_pretrained(folder), candidates, collection), scores)
    loaded = CrossEncoder.from_pretrained(folder)
    np.testing.assert_array_equal(score(loaded, candidates, collection, relevant_label="1"), -scores)
    assert len(list(store.glob("*.scores"))) == 2
    saved = CrossEncoder.from_pretrained(folder, relevant_label="1").save(tmp_path / "saved")
    assert json.loads((saved / "config.json").read_text())["rankdistill"]["score"]["relevant"] == 1
    np.testing.assert_array_equal(score(saved, candidates, collection), -scores)
