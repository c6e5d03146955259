"""No exported model is used before it was compared with torch, in batches of many shapes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import lively, make_model, make_tokenizer

from rankdistill.errors import DataError
from rankdistill.models import CrossEncoder
from rankdistill.models.engines import check as check_module
from rankdistill.models.engines.by_torch import TorchEngine
from rankdistill.models.engines.check import check_export, is_rounded, longest
from rankdistill.models.engines.export import export_model

PAIRS = [("a dog", "the dog wrote a book"), ("what", "sort the list"), ("first book", "a cat")]
Change = Callable[[np.ndarray, dict[str, np.ndarray]], np.ndarray]


class Changed:
    """Torch, with a change of what it gives, and the shapes that it was given."""

    name, identity = "onnx", "changed torch"

    def __init__(self, model: Any, change: Change, dtype: str = "float32") -> None:
        self.torch, self.change, self.dtype = TorchEngine(model), change, dtype
        self.shapes: list[tuple[int, ...]] = []

    def logits(self, batch: dict[str, np.ndarray]) -> np.ndarray:
        self.shapes.append(batch["input_ids"].shape)
        return self.change(self.torch.logits(batch), batch)


def bits(logits: np.ndarray, kept: int) -> np.ndarray:
    rounded = logits.astype(np.float32).view(np.uint32) & np.uint32(0xFFFFFFFF << kept & 0xFFFFFFFF)
    return rounded.view(np.float32)


def when(condition: Callable[[tuple[int, ...]], bool]) -> Change:
    return lambda logits, batch: logits + 0.5 * condition(batch["input_ids"].shape)


FAULTS: dict[str, tuple[str, Change, str]] = {
    "one text": ("float32", when(lambda shape: shape[0] == 1), "other logits than torch"),
    "many texts": ("float32", when(lambda shape: shape[0] > 8), "other logits than torch.*on 32 texts"),
    "shortest": ("float32", when(lambda shape: shape[1] < 3), "on 1 texts of 2 tokens"),
    "longest": ("float32", when(lambda shape: shape[1] > 60), "on 1 texts of 64 tokens"),
    "padding": (
        "float32",
        lambda z, b: z + 0.1 * (b.get("attention_mask", b["input_ids"] + 1) == 0).sum(1)[:, None],
        "other logits than torch",
    ),
    "no number": ("float32", lambda z, b: z * np.nan, "other logits than torch"),
    "shape": ("float32", lambda z, b: z[:, 0], r"logits of shape \(1,\)"),
    "company": ("int8", lambda z, b: z + 0.002 * len(z), "depend on the batch it is in"),
    "nonsense": ("int8", lambda z, b: z + 9, "other logits than torch"),
    "8 bits": ("bfloat16", lambda z, b: bits(z, 16), "rounds logits to 8 bits"),
    "ties": ("bfloat16", lambda z, b: np.round(z * 20) / 20 + np.float32(1e-3), "so that candidates tie"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_an_engine_is_found_and_named(fault: str) -> None:
    dtype, change, message = FAULTS[fault]
    with pytest.raises(DataError, match=rf"BERT exported for onnx.*{message}.*engine 'torch'"):
        check_export(Changed(lively("bert"), change, dtype), lively("bert"))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int8"])
def test_an_engine_that_gives_what_torch_gives_passes_in_many_shapes(dtype: str) -> None:
    model = lively("bert")
    engine = Changed(model, lambda logits, batch: logits, dtype)
    found = check_export(engine, model)
    assert found["from torch"] == 0.0
    assert {rows for rows, _ in engine.shapes} >= {1, 3, 32}
    assert {length for _, length in engine.shapes} >= {2, 64}


def test_an_engine_that_raises_is_told_by_name() -> None:
    def fails(logits: np.ndarray, batch: dict[str, np.ndarray]) -> np.ndarray:
        raise RuntimeError("no kernel\nand much more")

    with pytest.raises(DataError, match=r"does not run on 1 texts of 2 tokens \(no kernel\): score it with"):
        check_export(Changed(lively("bert"), fails), lively("bert"))


def test_texts_are_as_long_as_the_model_scores_but_not_longer_than_is_cheap() -> None:
    model = make_model()
    assert longest(model, None) == 64
    assert longest(model, 40) == 40
    model.config.max_position_embeddings = 32_768
    assert longest(model, None) == check_module.LONGEST


def test_rounded_logits_are_told_from_others() -> None:
    logits = np.random.default_rng(0).normal(size=50).astype(np.float32)
    assert not is_rounded(logits)
    assert is_rounded(bits(logits, 16))
    assert not is_rounded(logits[:0])


@pytest.mark.parametrize(("engine", "dtype"), [("onnx", "float32"), ("onnx", "int8"), ("openvino", "float32")])
def test_a_file_is_checked_once_for_each_set_of_versions(
    engine: str, dtype: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip({"onnx": "onnxruntime", "openvino": "openvino"}[engine])
    model = CrossEncoder(make_model(initializer_range=0.2), make_tokenizer(), folder=tmp_path)
    file = export_model(model.model, model.fingerprint(), tmp_path, engine, dtype)
    checked: list[str] = []
    check = check_module.check_export
    monkeypatch.setattr(
        check_module, "check_export", lambda engine, *rest: checked.append(engine.identity) or check(engine, *rest)
    )
    for _ in range(2):
        model.with_engine(engine, dtype).predict(PAIRS)
    assert len(checked) == 1
    [noted] = json.loads((file.parent / "rankdistill.json").read_text())[file.name]["checks"]
    assert noted["of"]["engine"] == checked[0]
    assert set(noted["of"]["versions"]) == {"rankdistill", "torch", "transformers"}
    monkeypatch.setattr(check_module, "versions", lambda packages: {"torch": "another"})
    model.with_engine(engine, dtype).predict(PAIRS)
    assert len(checked) == 2
    monkeypatch.setattr(check_module, "processor", lambda: "another machine")
    model.with_engine(engine, dtype).predict(PAIRS)
    assert len(checked) == 3
    CrossEncoder(model.model, model.tokenizer, engine=engine, dtype=dtype).predict(PAIRS)
    assert len(checked) == 4, "a model that is exported for one process is checked each time"


def test_a_stored_file_that_an_engine_computes_otherwise_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    model = CrossEncoder(lively("bert"), make_tokenizer(), folder=tmp_path)
    other = lively("bert")
    with torch.no_grad():
        other.classifier.weight *= 1.5
    export_model(other, model.fingerprint(), tmp_path, "onnx", "float32")
    for _ in range(2):
        with pytest.raises(DataError, match="BERT exported for onnx in float32 gives other logits than torch"):
            model.with_engine("onnx").predict(PAIRS)


def test_auto_precision_is_float32_where_bfloat16_fails_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("openvino")
    from rankdistill.models.engines import exported

    monkeypatch.setattr(exported, "has_bfloat16", lambda device: True)
    monkeypatch.setitem(check_module.TOLERANCES, "bfloat16", 0.0)
    model = CrossEncoder(make_model(initializer_range=0.2), make_tokenizer())
    with pytest.warns(UserWarning, match="in bfloat16 gives other logits than torch.* dtype 'auto' takes float32"):
        engine = model.with_engine("openvino", "auto").engine
    assert engine.identity.endswith("float32")
    with pytest.raises(DataError, match="take dtype float32"):
        model.with_engine("openvino", "bfloat16").predict(PAIRS)
