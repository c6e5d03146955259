"""What cannot be exported is told by name; what can is drawn as the texts that are scored."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import FAMILIES, lively, make_model, make_tokenizer
from transformers import AutoConfig, AutoModelForSequenceClassification

from rankdistill.errors import DataError
from rankdistill.models import CrossEncoder
from rankdistill.models.engines.by_torch import TorchEngine
from rankdistill.models.engines.trace import random_batch, write_onnx

PAIRS = [("a dog", "the dog wrote a book"), ("what", "sort the list"), ("first book", "a cat")]
COMMON = {"vocab_size": 64, "num_labels": 1, "pad_token_id": 0, "eos_token_id": 3, "bos_token_id": 2}
OTHERS: dict[str, dict[str, Any]] = {
    "t5": {"d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4, "decoder_start_token_id": 0},
    "bart": {"d_model": 32, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4}
    | {"decoder_attention_heads": 4, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "max_position_embeddings": 64}
    | {"decoder_start_token_id": 3},
    "fnet": {"hidden_size": 32, "num_hidden_layers": 2, "intermediate_size": 64, "max_position_embeddings": 64},
}
"""Families of another structure than an encoder with attention, or than a decoder."""


@pytest.mark.filterwarnings("ignore:model type")
@pytest.mark.parametrize("family", OTHERS)
@pytest.mark.parametrize("engine", ["onnx", "openvino"])
def test_another_structure_scores_as_torch_does_or_is_refused_by_name(
    family: str, engine: str, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip({"onnx": "onnxruntime", "openvino": "openvino"}[engine])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = AutoConfig.for_model(family, **COMMON, **OTHERS[family])
        network = AutoModelForSequenceClassification.from_config(config).eval()
    tokenizer = make_tokenizer()
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    model = CrossEncoder(network, tokenizer)
    refusal = ""
    try:
        scores = model.with_engine(engine).predict(PAIRS)
    except DataError as error:
        refusal = str(error)
    if refusal:
        assert re.search(rf"{type(network).__name__}.*engine 'torch'", refusal)
        assert len(refusal) < 600
    else:
        np.testing.assert_allclose(scores, model.predict(PAIRS), atol=1e-5)
    assert "graph(" not in "".join(capfd.readouterr()), "the exporter prints whole graphs"


@pytest.mark.filterwarnings("ignore:model type")
def test_what_the_exporter_cannot_write_is_named_with_what_to_do(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    config = AutoConfig.for_model("fnet", **COMMON, **OTHERS["fnet"])
    model = AutoModelForSequenceClassification.from_config(config)
    with pytest.raises(DataError, match=r"FNet.* cannot be exported to ONNX.*fft.*: score it with engine 'torch'"):
        write_onnx(model, tmp_path / "model.onnx")
    assert all(module.training for module in model.modules()), "as before"


def test_a_full_disk_is_no_fault_of_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnx")

    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch.onnx, "export", full)
    with pytest.raises(OSError, match="No space left"):
        write_onnx(make_model(), tmp_path / "model.onnx")


@pytest.mark.filterwarnings("ignore:model type")
@pytest.mark.parametrize("family", FAMILIES)
def test_random_texts_run_in_every_family(family: str) -> None:
    model = lively(family)
    batch = random_batch(model, 9, 20)
    n_tokens = batch["attention_mask"].sum(1)
    assert n_tokens[0] == 20
    assert n_tokens.min() >= 2
    assert (batch["attention_mask"] == (np.arange(20) < n_tokens[:, None])).all()
    assert (batch["input_ids"][batch["attention_mask"] == 0] == model.config.pad_token_id).all()
    assert len(np.unique(TorchEngine(model).logits(batch))) == 9
    np.testing.assert_array_equal(batch["input_ids"], random_batch(model, 9, 20)["input_ids"])


def test_attention_is_exported_by_plain_products_and_afterwards_as_it_was(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="the extra 'onnx' is not installed")
    model = make_model()
    model.set_attn_implementation("sdpa")
    write_onnx(model, tmp_path / "model.onnx")
    operations = {node.op_type for node in onnx.load(str(tmp_path / "model.onnx")).graph.node}
    assert "Softmax" in operations
    assert not operations & {"IsNaN", "IsInf"}
    assert model.config._attn_implementation == "sdpa"


def test_attention_is_as_it_was_after_an_export_that_fails(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="the extra 'onnx' is not installed")
    model = make_model()
    model.set_attn_implementation("sdpa")
    with pytest.raises(FileNotFoundError):
        write_onnx(model, tmp_path / "no folder" / "model.onnx")
    assert model.config._attn_implementation == "sdpa"
