"""Every family scores as transformers does, pair by pair, is trained, cut to layers and exported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import FAMILIES, labelled, lively, make_collection, make_tokenizer

from rankdistill.models import CrossEncoder, keep_layers
from rankdistill.training.fit import fit
from rankdistill.training.settings import TrainingSettings

Pairs = list[tuple[str, str]]
KNOWN = [family for family in FAMILIES if family not in ("gpt2", "qwen2")]
"""transformers reads no WordPiece vocabulary for the others: the tests of causal models have them with their own."""


@pytest.fixture(scope="module", params=KNOWN)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as transformers writes it."""
    folder = tmp_path_factory.mktemp(request.param) / "model"
    lively(request.param).save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    return folder


def test_scores_are_those_of_transformers_pair_by_pair(folder: Path, pairs: Pairs) -> None:
    model = CrossEncoder.from_pretrained(folder)
    taken = model.assembler.input_names
    expected = []
    for query, document in pairs:
        inputs: Any = model.tokenizer(
            [(query, document)], truncation="longest_first", max_length=model.max_length, return_tensors="pt"
        )
        with torch.no_grad():
            expected.append(float(model.model(**{name: inputs[name] for name in taken}).logits[0, 0]))
    np.testing.assert_allclose(model.predict(pairs), expected, atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(model.predict(pairs[::-1], batch_tokens=100)[::-1], expected, atol=2e-5, rtol=1e-5)


def test_scores_are_those_of_sentence_transformers(folder: Path, pairs: Pairs) -> None:
    library = pytest.importorskip("sentence_transformers")
    model = CrossEncoder.from_pretrained(folder)
    theirs = library.CrossEncoder(str(model.save(folder.with_name("saved"))), device="cpu")
    np.testing.assert_allclose(theirs.predict(pairs), model.predict(pairs), atol=1e-5, rtol=1e-5)


def test_it_is_cut_to_layers_and_trained(folder: Path, tmp_path: Path) -> None:
    model = keep_layers(CrossEncoder.from_pretrained(folder), [0, 2])
    assert model.model.config.num_hidden_layers == 2
    collection = make_collection()
    before = {name: weight.clone() for name, weight in model.model.named_parameters()}
    settings = TrainingSettings(max_steps=1, learning_rate=1e-3, warmup_ratio=0.0)
    fit(model, labelled(collection), collection, "pointwise_mse(t1)", settings, out=tmp_path / "out")
    changed = [name for name, weight in model.model.named_parameters() if not torch.equal(weight, before[name])]
    assert any("0" in name for name in changed)


@pytest.mark.parametrize("engine", ["onnx", pytest.param("openvino", marks=pytest.mark.slow)])
def test_it_is_exported(folder: Path, pairs: Pairs, engine: str) -> None:
    pytest.importorskip({"onnx": "onnxruntime"}.get(engine, engine))
    model = CrossEncoder.from_pretrained(folder)
    scores = model.with_engine(engine).predict(pairs)
    np.testing.assert_allclose(scores, model.predict(pairs), atol=1e-4, rtol=1e-4)
