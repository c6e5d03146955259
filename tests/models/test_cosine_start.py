"""A start from the cosine: ranks as the bi-encoder does before any training, and is an ordinary model."""

from __future__ import annotations

import inspect
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr
from tiny import WORDS, judged_collection, make_model, make_tokenizer
from tiny_encoders import SETTINGS, edit, make_encoder
from transformers import AutoModelForSequenceClassification

from rankdistill.errors import DataError
from rankdistill.models import DEFAULT_BASE, CrossEncoder, Encoder, cosine_start, is_sentence_encoder

TEXTS = [" ".join(WORDS[(i * 7 + j * j) % len(WORDS)] for j in range(4 + i % 9)) for i in range(40)]


@pytest.fixture
def tiny_base(tmp_path: Path) -> Path:
    """A folder with a tiny BERT encoder of four layers."""
    make_model().bert.save_pretrained(tmp_path / "base")
    make_tokenizer().save_pretrained(tmp_path / "base")
    return tmp_path / "base"


@pytest.fixture(scope="module")
def docstrings() -> list[str]:
    """Docstrings of the standard library, in a mixed order that never changes."""
    owners: list[Any] = [str, bytes, list, dict, set, float, random, inspect, Path, np.ndarray]
    found = {inspect.getdoc(getattr(owner, name)) or "" for owner in owners for name in dir(owner) if name[0] != "_"}
    texts = sorted(text for text in found if len(text.split()) > 12)
    random.Random(0).shuffle(texts)
    return texts


@pytest.mark.slow
def test_first_scores_order_pairs_about_as_the_cosine_does(docstrings: list[str]) -> None:
    queries = [text.split("\n")[0] for text in docstrings[:12]]
    documents = docstrings[:24]
    encoder = Encoder.from_pretrained(max_length=48)
    cosine = encoder.encode(queries) @ encoder.encode(documents).T

    def agreement(model: CrossEncoder) -> tuple[float, float]:
        """Mean rank correlation with the cosine, and how often a docstring's first line finds the docstring."""
        scores = model.predict([(q, d) for q in queries for d in documents]).reshape(cosine.shape)
        correlations = [spearmanr(a, b).statistic for a, b in zip(cosine, scores, strict=True)]
        return float(np.mean(correlations)), float(np.mean(scores.argmax(1) == np.arange(len(queries))))

    constructed = agreement(cosine_start(texts=docstrings[:128], max_length=64))
    fresh = agreement(CrossEncoder.from_base(max_length=64))
    assert constructed[0] > 0.45 > 0.3 > fresh[0]
    assert constructed[1] > 0.8 > 0.4 > fresh[1]


def test_start_is_an_ordinary_model_one_layer_deeper(tiny_base: Path, tmp_path: Path) -> None:
    start = cosine_start(tiny_base, TEXTS)
    assert start.model.config.num_hidden_layers == 5
    start.save(tmp_path / "start")
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path / "start")
    for key, value in loaded.state_dict().items():
        assert torch.equal(value, start.model.state_dict()[key]), key
    pairs = [("cat list", "sort the list of cat"), ("dog", "a book")]
    again = CrossEncoder.from_pretrained(tmp_path / "start").predict(pairs)
    np.testing.assert_allclose(again, start.predict(pairs), rtol=1e-5)


def test_chosen_layers_of_the_base_come_first(tiny_base: Path) -> None:
    start = cosine_start(tiny_base, TEXTS, layers=[0, 3])
    assert start.model.config.num_hidden_layers == 3
    kept = CrossEncoder.from_base(tiny_base, layers=[0, 3]).model.bert.encoder.layer[1].attention.self.value.weight
    made = start.model.bert.encoder.layer[1].attention.self.value.weight
    assert (kept != made).any(0).sum() <= 3, "only the freed dimensions' columns differ"


def test_same_seed_same_weights_and_the_global_seed_is_left_alone(tiny_base: Path) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first, second, other = (cosine_start(tiny_base, TEXTS, seed=seed).model.state_dict() for seed in (0, 0, 1))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert any(not torch.equal(first[key], other[key]) for key in first)


def test_every_part_of_the_start_learns(tiny_base: Path) -> None:
    start = cosine_start(tiny_base, TEXTS)
    batch = start.tokenizer(["cat list"], ["sort the list of cat"], return_tensors="pt")
    start.model(**batch).logits.sum().backward()
    still = [name for name, weight in start.model.named_parameters() if weight.grad is None or not weight.grad.any()]
    assert not [name for name in still if not name.endswith("key.bias")], "a key's bias never matters to a softmax"


def test_too_few_texts_and_other_architectures_are_refused(tiny_base: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="at least 32 documents, got 3"):
        cosine_start(tiny_base, TEXTS[:3])
    make_model("electra").save_pretrained(tmp_path / "electra")
    make_tokenizer().save_pretrained(tmp_path / "electra")
    with pytest.raises(DataError, match=r"BERT-like encoders, .* is of type 'electra'"):
        cosine_start(tmp_path / "electra", TEXTS)


def test_sentence_encoders_are_told_from_others(tiny_base: Path) -> None:
    assert is_sentence_encoder(DEFAULT_BASE)
    assert not is_sentence_encoder(tiny_base)


def states(folder: Path, *after: Any, **settings: Any) -> Path:
    """An encoder's folder that states something, for a start from its cosine."""
    pooling = settings.pop("pooling", "mean")
    return make_encoder(folder / "encoder", pooling, *after, **settings)


def beyond(kind: str, folder: Path) -> Path:
    """An encoder that states more than the cosine of mean vectors."""
    from sentence_transformers.base.modules.dense import Dense
    from sentence_transformers.sentence_transformer.modules import LayerNorm

    if kind == "Dense":
        return states(folder, lambda: Dense(32, 8))
    if kind == "LayerNorm":
        return states(folder, lambda: LayerNorm(32))
    if kind == "pooling by cls":
        return states(folder, pooling="cls")
    if kind == "similarity dot":
        return states(folder, similarity_fn_name="dot")
    made = states(folder)
    if kind == "truncate_dim 16":
        edit(made / SETTINGS, truncate_dim=16)
    elif kind == "the module Router":
        rows = (made / "modules.json").read_text().replace("modules.pooling.Pooling", "modules.router.Router")
        (made / "modules.json").write_text(rows)
    else:
        edit(made / "sentence_bert_config.json", do_lower_case=True)
    return made


BEYOND = [
    *("Dense", "LayerNorm", "pooling by cls", "similarity dot", "truncate_dim 16", "the module Router"),
    "do_lower_case",
]


@pytest.mark.parametrize("kind", BEYOND)
def test_what_an_encoder_states_beyond_the_cosine_of_means_is_refused_by_name(kind: str, tmp_path: Path) -> None:
    folder = beyond(kind, tmp_path)
    with pytest.raises(DataError, match=f"{kind}.*Start plain"):
        cosine_start(folder, TEXTS)
    assert is_sentence_encoder(folder)


@pytest.mark.parametrize("kind", ["Dense", "the module Router"])
def test_training_then_starts_plain_and_says_why(kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from rankdistill.recipes.start import start_model

    start = start_model(judged_collection(), beyond(kind, tmp_path), max_length=32)
    assert start.model.config.num_hidden_layers == 4
    said = "".join(capfd.readouterr())
    assert "starting plain" in said
    assert kind in said


@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_an_encoder_that_normalises_its_means_starts_from_their_cosine(similarity: str, tmp_path: Path) -> None:
    from sentence_transformers.base.modules.normalize import Normalize

    folder = states(tmp_path, Normalize, similarity_fn_name=similarity)
    assert cosine_start(folder, TEXTS).model.config.num_hidden_layers == 5


def test_prompts_are_said_to_be_left_out(tmp_path: Path) -> None:
    folder = states(tmp_path, prompts={"query": "how to ", "document": ""})
    with pytest.warns(UserWarning, match=r"puts a prompt before queries \('how to '\).*reads them without"):
        cosine_start(folder, TEXTS)


def test_a_word_that_query_and_document_share_raises_the_score(docstrings: list[str]) -> None:
    start = cosine_start(texts=docstrings, layers=[0], max_length=64)
    documents = ["the quick zebra returns", "the quick giraffe returns"]
    pairs = [(f"find a {animal}", document) for animal in ("zebra", "giraffe") for document in documents]
    (both, other), (another, same) = start.predict(pairs).reshape(2, 2)
    assert both > other
    assert same > another
