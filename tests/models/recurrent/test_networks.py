"""The students' networks equal their formulas, text by text, and their scores depend on nothing but the texts."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tiny import make_tokenizer
from transformers import AutoModelForSequenceClassification

from rankdistill.errors import DataError
from rankdistill.models import CrossEncoder
from rankdistill.models.card import CARD, Training, write_card
from rankdistill.models.engines.export import export_model
from rankdistill.models.engines.int8_openvino import Int8
from rankdistill.models.engines.trace import inputs_of
from rankdistill.models.recurrent.config import BiAttentiveConfig, BiLSTMConfig, LayerMeanConfig
from rankdistill.models.recurrent.register import NETWORKS

PAIRS = [
    ("how to sort a list", "the cat is a dog"),
    ("a dog", ""),
    ("what is the first book", "a book " * 9),
    ("first", "long list of the cat"),
]
SIZES = {"vocab_size": 64, "num_labels": 1, "dense_size": 6}
LSTM = {**SIZES, "embedding_size": 5, "lstm_size": 4, "channels": 2}
BERT = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 64}
CONFIGS: dict[str, Any] = {
    "bilstm": BiLSTMConfig(**LSTM),
    "bilstm of one text": BiLSTMConfig(**LSTM, n_texts=1),
    "biattentive": BiAttentiveConfig(**LSTM),
    "biattentive of one text": BiAttentiveConfig(**LSTM, n_texts=1),
    "transformer": LayerMeanConfig(**SIZES, **BERT, max_position_embeddings=66),
}
Array = NDArray[np.float64]


def made(name: Any, deviation: float = 0.5) -> CrossEncoder:
    config = CONFIGS[name] if isinstance(name, str) else name
    torch.manual_seed(1)
    model = next(network for network in NETWORKS if network.config_class is type(config))(config).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(std=deviation)
    return CrossEncoder(model, make_tokenizer(), max_length=32, n_texts=getattr(config, "n_texts", 2))


def given(model: CrossEncoder) -> list[Any]:
    return [first for first, _ in PAIRS] if model.n_texts == 1 else list(PAIRS)


# -- the naive reference, one text at a time in float64 ----------------------------------------------------------------


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def lstm(weights: dict[str, Array], name: str, inputs: Array) -> Array:
    """States of an LSTM, gates in torch's order: input, forget, cell, output."""
    size = weights[f"{name}.weight_hh_l0"].shape[1]
    state, cell, states = np.zeros(size), np.zeros(size), []
    for x in inputs:
        gates = weights[f"{name}.weight_ih_l0"] @ x + weights[f"{name}.bias_ih_l0"]
        gates = gates + weights[f"{name}.weight_hh_l0"] @ state + weights[f"{name}.bias_hh_l0"]
        i, f, g, o = np.split(gates, 4)
        cell = sigmoid(f) * cell + sigmoid(i) * np.tanh(g)
        state = sigmoid(o) * np.tanh(cell)
        states.append(state)
    return np.array(states)


def both_ways(weights: dict[str, Array], name: str, inputs: Array) -> tuple[Array, Array]:
    return lstm(weights, f"{name}.onwards", inputs), lstm(weights, f"{name}.backwards", inputs[::-1])


def softmax(x: Array) -> Array:
    return np.exp(x - x.max()) / np.exp(x - x.max()).sum()


def bilstm_vector(weights: dict[str, Array], texts: list[Array]) -> Array:
    states = [np.concatenate([each[-1] for each in both_ways(weights, "lstm", text)]) for text in texts]
    if len(states) == 1:
        return states[0]
    u, v = states
    return np.concatenate([u, v, u * v, abs(u - v)])


def biattentive_vector(weights: dict[str, Array], texts: list[Array]) -> Array:
    def encoded(name: str, inputs: Array) -> Array:
        onwards, backwards = both_ways(weights, name, inputs)
        return np.concatenate([onwards, backwards[::-1]], axis=1)

    projected = [np.maximum(text @ weights["projection.weight"].T + weights["projection.bias"], 0) for text in texts]
    x, y = [encoded("encoder", each) for each in (projected * 2)[:2]]
    parts = []
    for place, (own, other) in enumerate(((x, y), (y, x))):
        context = np.array([sum(w * o for w, o in zip(softmax(other @ token), other, strict=True)) for token in own])
        states = encoded("integrator", np.concatenate([own, own - context, own * context], axis=1))
        scores = states @ weights[f"attention.{place}.weight"][0] + weights[f"attention.{place}.bias"][0]
        parts += [states.max(0), states.mean(0), softmax(scores) @ states]
    return np.concatenate(parts)


def reference(model: CrossEncoder, pair: Any) -> float:
    """The logit of a pair, of its two texts' tokens with the special token after each."""
    weights = {name: value.double().numpy() for name, value in model.model.state_dict().items()}
    table = np.concatenate([weights["frozen.weight"], weights["embeddings.weight"]], axis=1)
    texts = [[pair]] if isinstance(pair, str) else [[text] for text in pair]  # transformers takes "" alone for no text
    encoded = model.tokenizer(*texts, truncation=True, max_length=32)
    ids, segments = np.array(encoded["input_ids"][0]), np.array(encoded["token_type_ids"][0])
    vectors = [table[ids[segments == place]] for place in range(model.n_texts)]
    network = biattentive_vector if isinstance(model.model.config, BiAttentiveConfig) else bilstm_vector
    vector = network(weights, vectors)
    hidden = np.maximum(weights["dense.weight"] @ vector + weights["dense.bias"], 0)
    return float((weights["classifier.weight"] @ hidden + weights["classifier.bias"])[0])


@pytest.mark.parametrize("name", [name for name in CONFIGS if name != "transformer"])
def test_recurrent_students_equal_their_formulas_step_by_step(name: str) -> None:
    model = made(name)
    pairs = given(model)
    np.testing.assert_allclose(model.predict(pairs), [reference(model, pair) for pair in pairs], atol=2e-5)


def test_the_transformer_reads_the_mean_of_its_layers_first_tokens() -> None:
    model = made("transformer")
    inputs = model.tokenizer([a for a, _ in PAIRS], [b for _, b in PAIRS], padding=True, return_tensors="pt")
    with torch.no_grad():
        states = model.model.bert(**inputs, output_hidden_states=True).hidden_states
        mean = sum(state[:, 0] for state in states[1:]) / 3
        expected = model.model.classifier(torch.relu(model.model.dense(mean)))
    np.testing.assert_allclose(model.logits(PAIRS), expected.numpy(), atol=1e-5)


@pytest.mark.parametrize("name", CONFIGS)
def test_scores_do_not_depend_on_padding_batch_or_order(name: str) -> None:
    model = made(name)
    pairs = given(model)
    alone = np.concatenate([model.predict([pair]) for pair in pairs])
    np.testing.assert_allclose(model.predict(pairs), alone, atol=1e-5)
    np.testing.assert_allclose(model.predict(pairs[::-1])[::-1], alone, atol=1e-5)
    texts = model.tokenizer(*([pairs[0]] if model.n_texts == 1 else pairs[0]), padding="max_length", max_length=50)
    names = model.assembler.input_names
    padded = model.engine.logits({name: np.array([texts[name]]) for name in names})
    np.testing.assert_allclose(padded[0], model.logits(pairs[:1])[0], atol=1e-5)


@pytest.mark.parametrize("name", CONFIGS)
def test_students_load_from_their_folder_here_and_by_transformers_auto_class(name: str, tmp_path: Path) -> None:
    model = made(name)
    expected = model.predict(given(model))
    model.save(tmp_path / "model")
    again = CrossEncoder.from_pretrained(tmp_path / "model")
    np.testing.assert_array_equal(again.predict(given(model)), expected)
    assert again.fingerprint() == model.fingerprint()
    own = AutoModelForSequenceClassification.from_pretrained(tmp_path / "model")
    inputs = model.tokenizer(*([given(model)[0]] if model.n_texts == 1 else PAIRS[0]), return_tensors="pt")
    taken = {name: inputs[name] for name in model.assembler.input_names}
    np.testing.assert_allclose(own(**taken).logits[:, 0].detach(), expected[:1], atol=1e-5)


@pytest.mark.parametrize("name", CONFIGS)
def test_the_code_of_a_students_card_gives_its_scores(name: str, tmp_path: Path) -> None:
    model = made(name)
    folder = model.save(tmp_path / "student")
    write_card(folder, model, Training())
    text = (folder / CARD).read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert "sentence-transformers" not in text.split("## Scores")[0]
    names: dict[str, Any] = {}
    exec(code.replace('"FOLDER"', repr(str(folder))), names)
    read = names["documents"]
    if model.n_texts == 2:
        read = [(names["query"], document) for document in read]
    np.testing.assert_allclose(names["scores"], model.predict(read), atol=1e-6)


def test_the_frozen_channel_is_frozen_after_loading_too(tmp_path: Path) -> None:
    made("bilstm").save(tmp_path / "model")
    loaded = CrossEncoder.from_pretrained(tmp_path / "model").model
    assert [name for name, weight in loaded.named_parameters() if not weight.requires_grad] == ["frozen.weight"]


@pytest.mark.parametrize("engine", ["onnx", "openvino"])
@pytest.mark.parametrize("name", CONFIGS)
def test_exported_students_score_as_torch_at_other_lengths_and_batches(name: str, engine: str) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip({"onnx": "onnxruntime", "openvino": "openvino"}[engine])
    model = made(name)
    pairs = given(model) * 3
    exported = model.with_engine(engine)
    np.testing.assert_allclose(exported.predict(pairs), model.predict(pairs), atol=1e-4)
    np.testing.assert_allclose(exported.predict(pairs[:1]), model.predict(pairs[:1]), atol=1e-4)


WIDE = {"vocab_size": 2048, "num_labels": 1, "dense_size": 32, "embedding_size": 32, "lstm_size": 16, "channels": 2}


@pytest.mark.parametrize("how", [None, Int8(), Int8(32)], ids=["onnx", "openvino", "openvino while running"])
@pytest.mark.parametrize("n_texts", [1, 2])
@pytest.mark.parametrize("network", [BiLSTMConfig, BiAttentiveConfig])
def test_int8_of_a_recurrent_student_is_near_float32_and_does_not_depend_on_the_batch(
    network: Any, n_texts: int, how: Int8 | None, tmp_path: Path
) -> None:
    for package in ("onnx", "onnxruntime") if how is None else ("onnx", "openvino", "nncf"):
        pytest.importorskip(package)
    model = made(network(**WIDE, n_texts=n_texts), 0.3)
    pairs = given(model) * 3
    texts = [list(each) for each in zip(*pairs, strict=True)] if n_texts == 2 else [pairs]
    tokens = model.tokenizer(*texts, padding=True, return_tensors="np")
    batches = [{name: tokens[name] for name in inputs_of(model.model)}] if how else []
    engine = "openvino" if how else "onnx"
    file = export_model(model.model, model.fingerprint(), tmp_path, engine, "int8", batches, how)
    weights = file.with_suffix(".bin") if how else file
    n_weights = sum(weight.numel() for weight in model.model.parameters())
    assert weights.stat().st_size < 0.7 * 4 * n_weights, "embeddings are most of them"
    exported = model.with_engine(engine, "int8", tmp_path)
    scores, exact = exported.predict(pairs), model.predict(pairs)
    apart, size = np.abs(scores - exact), float(np.abs(exact).max())
    assert 0 < (apart.max() / 2 if how is None else np.median(apart)) < 0.1 * size
    alone = np.concatenate([exported.predict([pair]) for pair in pairs[:4]])
    np.testing.assert_allclose(alone, scores[:4], atol=1e-3 * size)


@pytest.mark.parametrize("wrong", [{"lstm_size": 0}, {"channels": 3}, {"dropout": 1.0}, {"n_texts": 3}])
def test_sizes_that_cannot_be_are_refused_when_a_folder_is_read(wrong: dict[str, Any], tmp_path: Path) -> None:
    model = made("bilstm")
    model.save(tmp_path / "model")
    (tmp_path / "model" / "checksums.json").unlink()
    config = tmp_path / "model" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **wrong}))
    with pytest.raises(DataError, match=next(iter(wrong))):
        CrossEncoder.from_pretrained(tmp_path / "model")
