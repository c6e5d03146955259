"""`check_model` finds each kind of silent score corruption by name, and nothing in healthy models of every family."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import FAMILIES, WORDS, lively, make_tokenizer
from tokenizers import Tokenizer, processors

from rankdistill.data import Candidates, Collection, Texts
from rankdistill.errors import UsageError
from rankdistill.models import CrossEncoder
from rankdistill.models.engines.export import export_model
from rankdistill.scoring.model_check import check as module
from rankdistill.scoring.model_check import scores
from rankdistill.scoring.model_check.check import check_model

OTHER_TOKENIZER = {"gpt2", "qwen2"}
"""Families for which transformers makes a tokenizer of its own out of the tiny vocabulary."""


@pytest.fixture(autouse=True)
def texts_of_known_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Own texts in the words that the tiny tokenizer knows, so that they differ in tokens."""
    random = np.random.default_rng(0)
    documents = tuple(" ".join(random.choice(WORDS, size)) for size in (1, 2, 3, 5, 8, 13, 30, 90))
    monkeypatch.setattr(module, "_DOCUMENTS", documents)
    monkeypatch.setattr(module, "_QUERIES", ("what is a dog", "how to sort a list", "the first book"))


@pytest.fixture
def without_sentence_transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHECKS", tuple(c for c in module.CHECKS if c is not scores.sentence_transformers))


def saved(folder: Path, family: str = "bert", contract: Any = None, **settings: Any) -> Path:
    model = lively(family, **{"pad_token_id": 0, **settings})
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name.endswith("bias") and weight.numel() <= 2:
                weight.add_(0.1)
    tokenizer = make_tokenizer()
    if getattr(model.config, "type_vocab_size", 2) < 2:
        tokenizer.model_input_names = ["input_ids", "attention_mask"]
    CrossEncoder(model, tokenizer, contract, max_length=48).save(folder)
    (folder / "checksums.json").unlink()
    return folder


def edit(file: Path, **changes: Any) -> None:
    known = json.loads(file.read_text()) | changes
    file.write_text(json.dumps({key: value for key, value in known.items() if value is not None}))


def reweigh(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(
        {name: weight.contiguous() for name, weight in weights.items()}, folder / "model.safetensors", {"format": "pt"}
    )


def errors(folder: Path, **options: Any) -> dict[str, str]:
    return {each.check: each.what for each in check_model(folder, **options) if each.level == "error"}


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - OTHER_TOKENIZER))
def test_healthy_models_of_every_family_pass(tmp_path: Path, family: str) -> None:
    assert errors(saved(tmp_path / "model", family)) == {}


def test_every_check_says_something_and_healthy_ones_are_ok(tmp_path: Path) -> None:
    findings = check_model(saved(tmp_path / "model"))
    assert {each.check for each in findings} >= {
        *("weights", "activation", "label order", "padding token", "truncation", "ties", "transformers"),
        "sentence-transformers",
    }
    assert {each.level for each in findings} <= {"ok", "note"}


def lose(*names: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        reweigh(folder, lambda weights: [weights.pop(name) for name in names])

    return damage


def state_sigmoid(folder: Path) -> None:
    edit(folder / "config.json", sentence_transformers={"activation_fn": "torch.nn.modules.activation.Sigmoid"})


def saturate(folder: Path) -> None:
    edit(folder / "config.json", rankdistill={"score": {"form": "sigmoid", "scale": 1.0}, "max_length": 48})
    reweigh(folder, lambda weights: weights["classifier.weight"].mul_(1e5))


def make_constant(folder: Path) -> None:
    reweigh(folder, lambda weights: weights["classifier.weight"].zero_())


def pad_by_a_word(folder: Path) -> None:
    edit(folder / "tokenizer_config.json", pad_token="the")


def other_padding_token(folder: Path) -> None:
    edit(folder / "config.json", pad_token_id=7)


def lose_the_template(folder: Path) -> None:
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.post_processor = processors.TemplateProcessing(single="$A", pair="$A:0 $B:1", special_tokens=[])
    tokenizer.save(str(folder / "tokenizer.json"))


def prompt_without_room(folder: Path) -> None:
    entry = json.loads((folder / "config.json").read_text())["rankdistill"]
    edit(folder / "config.json", rankdistill={**entry, "prompt": "how to sort a list of the first book " * 5})


def other_exported_weights(folder: Path) -> None:
    model = CrossEncoder(lively("bert", initializer_range=0.4), make_tokenizer(), max_length=48)
    export_model(model.model, model.fingerprint(), folder, "onnx", "float32")


def store_in_16_bits(folder: Path) -> None:
    def change(weights: dict[str, Any]) -> None:
        weights["classifier.bias"] += 500
        for name in list(weights):
            weights[name] = weights[name].bfloat16()

    edit(folder / "config.json", dtype="bfloat16")
    reweigh(folder, change)


@pytest.mark.parametrize(
    ("damage", "check", "message"),
    [
        (lose("classifier.weight", "classifier.bias"), "weights", "its weights lack classifier"),
        (lose("bert.pooler.dense.weight"), "weights", "its weights lack bert.pooler"),
        (state_sigmoid, "activation", "a sigmoid on top"),
        (saturate, "ties", "mass ties: .* saturated at an end"),
        (make_constant, "ties", "no text matters"),
        (other_padding_token, "padding token", r"states the padding token 7 .*, the tokenizer pads with 0"),
        (pad_by_a_word, "padding token", "the tokenizer pads with .*'the'"),
        (lose_the_template, "template", "its template was lost"),
        (prompt_without_room, "truncation", "leave 0 for query and document"),
        (other_exported_weights, "onnx/model.onnx", "it holds other weights"),
        (store_in_16_bits, "sentence-transformers", "mass ties: it computes in bfloat16"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_each_kind_of_corruption_is_found_and_named(
    tmp_path: Path, damage: Callable[[Path], None], check: str, message: str
) -> None:
    folder = saved(tmp_path / "model")
    damage(folder)
    found = errors(folder)
    assert check in found
    assert re.search(message, found[check]), found[check]


@pytest.mark.usefixtures("without_sentence_transformers")
def test_first_of_two_logits_that_means_relevant_is_an_error_and_the_second_a_warning(tmp_path: Path) -> None:
    folder = saved(tmp_path / "model", num_labels=2)
    assert errors(folder) == {}
    assert "label order" in {each.check for each in check_model(folder) if each.level == "warning"}
    edit(folder / "config.json", rankdistill=None, id2label={"0": "relevant", "1": "irrelevant"})
    edit(folder / "config.json", label2id={"relevant": 0, "irrelevant": 1})
    assert "the first of two logits means relevant" in errors(folder)["label order"]
    edit(folder / "config.json", id2label={"0": "red", "1": "blue"}, label2id={"red": 0, "blue": 1})
    assert "which of its two logits means relevant cannot be told" in errors(folder)["weights"]


@pytest.mark.usefixtures("without_sentence_transformers")
def test_a_decoder_without_padding_token_and_one_that_ends_in_it(tmp_path: Path) -> None:
    folder = saved(tmp_path / "model", "qwen3")
    edit(folder / "config.json", pad_token_id=None)
    assert "states no pad_token_id" in errors(folder)["padding token"]
    edit(folder / "config.json", pad_token_id=3)
    edit(folder / "tokenizer_config.json", pad_token="[SEP]")
    found = errors(folder)
    assert "pairs end in the padding token 3" in found["padding token"]
    assert "differ by" in found["transformers"]


@pytest.mark.usefixtures("without_sentence_transformers")
def test_scores_that_contradict_a_collections_judgments(tmp_path: Path) -> None:
    folder = saved(tmp_path / "model")
    model = CrossEncoder.from_pretrained(folder)
    queries = {f"q{i}": " ".join(WORDS[i : i + 3]) for i in range(12)}
    documents = {f"d{i}": " ".join(WORDS[(i * 5 + j * j) % len(WORDS)] for j in range(4 + i)) for i in range(6)}
    rows = [(query, document) for query in queries for document in documents]
    predicted = model.predict([(queries[query], documents[document]) for query, document in rows])

    def judged(sign: float) -> Collection:
        by_query = (sign * predicted).reshape(len(queries), -1)
        labels = (by_query > np.median(by_query, axis=1, keepdims=True)).ravel().astype(np.float32)
        qrels = Candidates.from_rows([q for q, _ in rows], [d for _, d in rows], {"label": labels})
        texts = (Texts.from_pairs(list(each), list(each.values())) for each in (queries, documents))
        return Collection("tiny", *texts, qrels)

    run = Candidates.from_rows([q for q, _ in rows], [d for _, d in rows], {"score": predicted})
    assert errors(folder, collection=judged(1), candidates=run) == {}
    assert "ranks backwards" in errors(folder, collection=judged(-1), candidates=run)["judgments"]
    assert errors(folder, collection=replace(judged(1), candidates=run)) == {}
    assert "ranks backwards" in errors(folder, collection=replace(judged(-1), candidates=run))["judgments"]
    with pytest.raises(UsageError, match="no candidates of its own: give --run"):
        check_model(folder, judged(1))
    with pytest.raises(UsageError, match="give --collection, too"):
        check_model(folder, None, run)


@pytest.mark.usefixtures("without_sentence_transformers")
def test_engines_that_are_asked_for_are_compared_though_nothing_is_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    folder = saved(tmp_path / "model")
    before = sorted(folder.rglob("*"))
    found = {each.check: each for each in check_model(folder, engines=["onnx"])}
    assert found["onnx"].level == "ok", found["onnx"].what
    assert sorted(folder.rglob("*")) == before
    assert "onnx" not in {each.check for each in check_model(folder)}
    logits = CrossEncoder.logits

    def wrong(self: CrossEncoder, pairs: Any, **options: Any) -> Any:
        return logits(self, pairs, **options) + (self.engine_name == "onnx")

    monkeypatch.setattr(CrossEncoder, "logits", wrong)
    assert "differ from torch's by 1" in errors(folder, engines=["onnx"])["onnx"]
    assert "nonesuch" in errors(folder, engines=["nonesuch"])["nonesuch"]
