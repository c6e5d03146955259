"""Exported files that are empty, cut, flipped, missing or another's are never used, and are named."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tiny import make_model, make_tokenizer

from rankdistill.errors import DataError
from rankdistill.files.facts import write_facts
from rankdistill.models import CrossEncoder
from rankdistill.models.engines import export as export_module
from rankdistill.models.engines.export import export_model, exported_file, publish
from rankdistill.models.engines.stored import FACTS, fault_of, files_of, note, note_check, passed

PAIRS = [("a dog", "the dog wrote a book"), ("what", "sort the list"), ("first book", "a cat")]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "has 0 bytes"),
    "cut": (lambda path: path.write_bytes(path.read_bytes()[:-7]), "were written"),
    "flipped": (flip, "was changed after it was written"),
    "missing": (Path.unlink, "is missing"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "is missing"),
}
PARTS = [("onnx", "model.onnx"), ("openvino", "openvino_model.xml"), ("openvino", "openvino_model.bin")]


@pytest.mark.parametrize(
    ("engine", "part", "damage"),
    [(*part, damage) for part in PARTS for damage in DAMAGES if damage != "missing" or part[1].endswith(".bin")],
)
def test_a_damaged_export_is_named_and_not_used(engine: str, part: str, damage: str, tmp_path: Path) -> None:
    names = [name for of, name in PARTS if of == engine]
    file = tmp_path / engine / names[0]
    file.parent.mkdir()
    for name in names:
        file.with_name(name).write_bytes(name.encode() * 9)
    note(file, "f")
    assert fault_of(file, "f") is None
    assert exported_file(tmp_path, "f", engine, "float32") == file
    harm, message = DAMAGES[damage]
    harm(file.with_name(part))
    fault = fault_of(file, "f")
    assert fault is not None
    assert message in fault
    assert part in fault
    assert exported_file(tmp_path, "f", engine, "float32") is None


@pytest.mark.parametrize(("engine", "suffix"), [("onnx", ".onnx"), ("openvino", ".bin")])
def test_a_model_with_a_damaged_export_is_scored_by_a_new_one_and_says_so(
    engine: str, suffix: str, tmp_path: Path
) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip({"onnx": "onnxruntime", "openvino": "openvino"}[engine])
    model = CrossEncoder(make_model(initializer_range=0.2), make_tokenizer(), folder=tmp_path)
    flip(export_model(model.model, model.fingerprint(), tmp_path, engine, "float32").with_suffix(suffix))
    with pytest.warns(UserWarning, match=rf"is not used: .*its checksum is another.*export --engine {engine}"):
        scores = model.with_engine(engine).predict(PAIRS)
    np.testing.assert_allclose(scores, model.predict(PAIRS), atol=1e-5)


def test_a_file_of_another_tool_is_not_used_and_named(tmp_path: Path) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    model = CrossEncoder(make_model(initializer_range=0.2), make_tokenizer(), folder=tmp_path)
    file = export_model(model.model, model.fingerprint(), tmp_path, "onnx", "float32")
    (file.parent / FACTS).unlink()
    with pytest.warns(UserWarning, match="does not say whose weights it holds"):
        model.with_engine("onnx").predict(PAIRS)


@pytest.mark.parametrize(
    "facts",
    [
        "",
        "[]",
        '{"model.onnx": "f"}',
        '{"model.onnx": {"weights": "f"}}',
        '{"model.onnx": {"weights": "f", "files": {}}}',
        '{"model.onnx": {"weights": "f", "files": {"model.onnx": 3}}}',
        '{"model.onnx": {"weights": "f", "files": 3}}',
    ],
)
def test_facts_that_cannot_be_read_are_no_facts(facts: str, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"1")
    (tmp_path / FACTS).write_text(facts)
    assert "rankdistill.json" in str(fault_of(tmp_path / "model.onnx", "f"))


def test_what_must_be_calibrated_is_refused_where_its_file_is_damaged(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    model = CrossEncoder(make_model(), make_tokenizer(), folder=tmp_path)
    (tmp_path / "openvino").mkdir()
    (tmp_path / "openvino" / "openvino_model_qint8_quantized.xml").write_text("<net/>")
    with pytest.raises(DataError, match=r"quantized\.xml cannot be used: .*--engine openvino --dtype int8"):
        model.with_engine("openvino", "int8").predict(PAIRS)


def test_weights_beside_a_graph_belong_to_the_same_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def in_two_files(model: None, path: Path) -> None:
        path.write_text("graph")
        path.with_name("model.onnx.data").write_text("weights")

    monkeypatch.setitem(
        export_module.FORMATS, ("onnx", "float32"), export_module.ExportFormat("onnx/model.onnx", in_two_files)
    )
    file = export_model(None, "f", tmp_path, "onnx", "float32")
    assert files_of(file) == ["model.onnx.data", "model.onnx"], "the file that is loaded comes last"
    assert fault_of(file, "f") is None
    file.with_name("model.onnx.data").write_text("another")
    assert "model.onnx.data was changed" in str(fault_of(file, "f"))
    file.with_name("model.onnx.data").unlink()
    assert "model.onnx.data is missing" in str(fault_of(file, "f"))


def test_a_kill_while_an_export_is_moved_leaves_nothing_that_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for weights, folder in (("old", "a"), ("new", "b")):
        (tmp_path / folder / "openvino").mkdir(parents=True)
        for suffix in (".xml", ".bin"):
            (tmp_path / folder / "openvino" / f"openvino_model{suffix}").write_text(weights)
        note(tmp_path / folder / "openvino" / "openvino_model.xml", weights)
    moved: list[str] = []

    def move(source: Path, target: Path) -> None:
        if moved:
            raise KeyboardInterrupt
        moved.append(Path(source).name)
        shutil.copy(source, target)

    monkeypatch.setattr(export_module.shutil, "move", move)
    with pytest.raises(KeyboardInterrupt):
        publish(tmp_path / "b", tmp_path / "a", "openvino", "float32")
    assert moved == ["openvino_model.bin"]
    for weights in ("old", "new"):
        assert exported_file(tmp_path / "a", weights, "openvino", "float32") is None


@pytest.mark.parametrize("checks", [None, 3, [3], [{"of": 3}], {"of": 1}])
def test_damaged_notes_of_checks_are_no_checks(checks: object, tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"1")
    note(tmp_path / "model.onnx", "f")
    facts = json.loads((tmp_path / FACTS).read_text())
    facts["model.onnx"]["checks"] = checks
    write_facts(tmp_path / FACTS, facts, sealed=True)
    key = {"engine": "onnx 1"}
    assert not passed(tmp_path / "model.onnx", key)
    note_check(tmp_path / "model.onnx", key, {"from torch": 0.0})
    assert passed(tmp_path / "model.onnx", key)
    assert not passed(tmp_path / "model.onnx", {"engine": "onnx 2"})


def test_facts_name_the_versions_that_wrote_a_file(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"1")
    note(tmp_path / "model.onnx", "f")
    entry = json.loads((tmp_path / FACTS).read_text())["model.onnx"]
    assert {"rankdistill", "torch", "transformers"} <= set(entry["written by"])
