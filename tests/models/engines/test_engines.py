"""Engines give the logits that torch gives, from exported files of these very weights or from none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.stats import kendalltau
from tiny import lively, make_model, make_tokenizer

from rankdistill.errors import DataError, UnknownNameError, UsageError
from rankdistill.models import CrossEncoder
from rankdistill.models.engines.export import FORMATS, export_model, exported_file
from rankdistill.models.engines.trace import write_onnx
from rankdistill.models.families import FAMILIES as ROWS

PAIRS = [("a dog", "the dog wrote a book"), ("what", "sort the list"), ("first book", "a cat"), ("a", "b c d e f g")]
ENGINES = [key for key, how in FORMATS.items() if not how.calibrated]


def need(engine: str) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip({"onnx": "onnxruntime", "openvino": "openvino"}[engine])


def made(**settings) -> CrossEncoder:
    return CrossEncoder(make_model(**settings), make_tokenizer())


@pytest.mark.parametrize(("engine", "dtype"), ENGINES)
def test_an_engine_scores_as_torch_does(engine: str, dtype: str) -> None:
    need(engine)
    model = made(initializer_range=0.2)
    exact, scores = model.predict(PAIRS), model.with_engine(engine, dtype).predict(PAIRS)
    if dtype == "float32":
        np.testing.assert_allclose(scores, exact, atol=1e-5)
    else:
        np.testing.assert_allclose(scores, exact, atol=0.15 * float(np.abs(exact).max()))
        assert kendalltau(scores, exact).statistic > 0
    assert scores.dtype == np.float32


@pytest.mark.parametrize(
    ("engine", "family"),
    [("onnx", family) for family in ROWS] + [("openvino", family) for family in ("distilbert", "modernbert", "qwen3")],
)
def test_every_family_is_exported_and_scores_as_torch_does_in_batches_of_any_shape(engine: str, family: str) -> None:
    need(engine)
    tokenizer = make_tokenizer()
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    model = CrossEncoder(lively(family), tokenizer)
    exported = model.with_engine(engine)
    many = PAIRS * 9 + [("a dog", "the dog wrote a book " * 9)]
    for pairs in (many, PAIRS[:1], PAIRS[2:]):
        np.testing.assert_allclose(exported.predict(pairs), model.predict(pairs), atol=1e-5)


def test_an_export_brings_the_model_back_to_its_device_after_an_error_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("onnx")
    model = make_model()
    moves: list[str] = []
    monkeypatch.setattr(type(model), "device", property(lambda self: torch.device("cuda", 0)))
    monkeypatch.setattr(model, "to", lambda device: moves.append(str(device)) or model)
    write_onnx(model, tmp_path / "model.onnx")
    assert moves == ["cpu", "cuda:0"]
    monkeypatch.setattr(torch.onnx, "export", lambda *_, **__: 1 / 0)
    with pytest.raises(DataError, match=r"BERT cannot be exported to ONNX.* \(division by zero\): .* engine 'torch'"):
        write_onnx(model, tmp_path / "again.onnx")
    assert moves == ["cpu", "cuda:0"] * 2


def test_an_export_leaves_every_module_in_the_mode_it_was_in(tmp_path: Path) -> None:
    need("onnx")
    model = made()
    before = model.predict(PAIRS)
    model.with_engine("onnx").predict(PAIRS)
    assert not any(module.training for module in model.model.modules())
    np.testing.assert_array_equal(model.predict(PAIRS), before)
    model.model.bert.pooler.train()
    model.model.training = True
    modes = [module.training for module in model.model.modules()]
    write_onnx(model.model, tmp_path / "model.onnx")
    assert [module.training for module in model.model.modules()] == modes


def test_two_logits_come_through() -> None:
    need("onnx")
    model = made(num_labels=2)
    np.testing.assert_allclose(model.with_engine("onnx").predict(PAIRS), model.predict(PAIRS), atol=1e-5)


@pytest.mark.parametrize("engine", ["onnx", "openvino"])
def test_an_exported_file_is_taken_for_its_own_weights_alone(engine: str, tmp_path: Path) -> None:
    need(engine)
    model = made()
    model.save(tmp_path)
    file = export_model(model.model, model.fingerprint(), tmp_path, engine, "float32")
    assert file.is_file()
    assert exported_file(tmp_path, model.fingerprint(), engine, "float32") == file
    assert not list(file.parent.glob(".tmp*"))
    loaded = CrossEncoder.from_pretrained(tmp_path, engine=engine)
    assert loaded.fingerprint() == model.fingerprint()
    np.testing.assert_allclose(loaded.predict(PAIRS), model.predict(PAIRS), atol=1e-5)
    with torch.no_grad():
        loaded.model.classifier.bias += 3
    changed = CrossEncoder(loaded.model, loaded.tokenizer)
    changed.folder = tmp_path
    assert exported_file(tmp_path, changed.fingerprint(), engine, "float32") is None
    moved = changed.with_engine(engine)
    with pytest.warns(UserWarning, match=rf"{file.name} is not used: it was exported from other weights.*anew"):
        np.testing.assert_allclose(moved.predict(PAIRS), model.predict(PAIRS) + 3, atol=1e-4)
    (file.parent / "rankdistill.json").write_text("{")
    assert exported_file(tmp_path, model.fingerprint(), engine, "float32") is None


def test_two_forms_stand_beside_each_other(tmp_path: Path) -> None:
    need("onnx")
    model = made()
    for dtype in ("float32", "int8"):
        export_model(model.model, model.fingerprint(), tmp_path, "onnx", dtype)
    assert sorted(path.name for path in (tmp_path / "onnx").iterdir()) == [
        ".rankdistill.json.checksum",
        "model.onnx",
        "model_qint8.onnx",
        "rankdistill.json",
    ]
    assert set(json.loads((tmp_path / "onnx" / "rankdistill.json").read_text())) == {"model.onnx", "model_qint8.onnx"}
    sizes = [(tmp_path / "onnx" / name).stat().st_size for name in ("model_qint8.onnx", "model.onnx")]
    assert sizes[0] < sizes[1]


def test_what_an_engine_cannot_do_is_told() -> None:
    need("onnx")
    with pytest.raises(UsageError, match="engine 'onnx' computes in float32 or int8, got dtype 'bfloat16'"):
        made().with_engine("onnx", "bfloat16").predict(PAIRS)
    with pytest.raises(UnknownNameError, match="engine 'onx'; did you mean 'onnx'"):
        made().with_engine("onx").predict(PAIRS)
    assert made().with_engine("onnx").engine.identity.startswith("onnxruntime ")


def test_what_is_calibrated_must_be_exported_first() -> None:
    need("openvino")
    with pytest.raises(UsageError, match="calibrated on pairs: export the model first"):
        made().with_engine("openvino", "int8").predict(PAIRS)


def test_an_engine_of_weights_that_changed_since_is_refused() -> None:
    need("onnx")
    model = made().with_engine("onnx")
    model.predict(PAIRS)
    optimizer = torch.optim.SGD(model.model.parameters(), lr=0.1)
    model.model.classifier.bias.grad = torch.ones(1)
    optimizer.step()
    with pytest.raises(DataError, match=r"BERT changed after they were exported for onnx: .*with_engine\('onnx'"):
        model.predict(PAIRS)
    anew = model.with_engine("onnx", "float32")
    np.testing.assert_allclose(anew.predict(PAIRS), model.with_engine("torch").predict(PAIRS), atol=1e-5)
    model.with_engine("torch").predict(PAIRS)
    anew.predict(PAIRS)


@pytest.mark.filterwarnings("ignore:model type")
@pytest.mark.parametrize("family", ["gpt2", "bert"])
@pytest.mark.parametrize("names", [["input_ids"], ["input_ids", "attention_mask"]])
def test_inputs_that_a_tokenizer_does_not_make_are_what_torch_takes_them_for(family: str, names: list[str]) -> None:
    need("onnx")
    tokenizer = make_tokenizer()
    tokenizer.model_input_names = names
    model = CrossEncoder(lively(family), tokenizer)
    exported = model.with_engine("onnx")
    for pair in PAIRS:  # one at a time, as without a mask padding is read
        np.testing.assert_allclose(exported.predict([pair]), model.predict([pair]), atol=1e-5)


@pytest.mark.filterwarnings("ignore:model type")
def test_segments_that_an_exported_model_does_not_take_are_refused() -> None:
    need("onnx")
    engine = CrossEncoder(lively("gpt2"), make_tokenizer()).with_engine("onnx").engine
    ids = np.ones((1, 4), np.int64)
    with pytest.raises(
        DataError, match=r"segments \(token_type_ids\), which GPT2.* as exported for onnx does not take"
    ):
        engine.logits({"input_ids": ids, "attention_mask": ids, "token_type_ids": ids})
