"""auto takes the fastest engine, tried in a process of its own first, and remembers which it was."""

from __future__ import annotations

import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from tiny import make_model, make_tokenizer

from rankdistill.errors import DataError
from rankdistill.models import CrossEncoder
from rankdistill.models.engines import fastest as fastest_module
from rankdistill.models.engines.fastest import fastest
from rankdistill.models.engines.trial import run_apart, try_apart

PAIRS = [("a dog", "the dog wrote a book"), ("what", "sort the list"), ("first book", "a cat"), ("a", "b c d e f g")]


def made(**settings) -> CrossEncoder:
    return CrossEncoder(make_model(**settings), make_tokenizer())


def survives(name: str, dtype: str) -> None:
    """The trial of an engine that nothing is wrong with."""


class Timed:
    """An engine that takes a given time, and counts how often it was asked."""

    def __init__(self, name: str, dtype: str, seconds: float) -> None:
        self.name, self.dtype, self.seconds, self.asked = name, dtype, seconds, 0
        self.n_threads, self.shared = 1, nullcontext

    def logits(self, batch: dict[str, np.ndarray]) -> np.ndarray:
        self.asked += 1
        time.sleep(self.seconds)
        return np.zeros((len(batch["input_ids"]), 1), np.float32)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The packages that are found, to be changed by a test; choices are kept in a folder of its own."""
    names = ["torch", "onnxruntime", "openvino"]
    monkeypatch.setenv("RANKDISTILL_CACHE", str(tmp_path))
    monkeypatch.setattr(fastest_module.importlib.util, "find_spec", lambda name: name in names or None)
    return names


def test_auto_takes_the_engine_that_was_measured_fastest_and_remembers_it(installed: list[str]) -> None:
    made: list[Timed] = []

    def make(name: str, dtype: str) -> Timed:
        made.append(Timed(name, dtype, {"torch": 0.05, "onnx": 0.02, "openvino": 0.08}[name]))
        return made[-1]

    model = make_model()
    assert fastest(make, survives, model, "f", None).name == "onnx"
    assert [(engine.name, engine.dtype) for engine in made] == [(n, "float32") for n in ("torch", "onnx", "openvino")]
    assert all(engine.asked == 4 for engine in made)
    assert fastest(make, survives, model, "f", None).asked == 0, "remembered"
    assert len(made) == 4
    fastest(make, survives, model, "other weights", None)
    assert len(made) == 7
    installed.remove("onnxruntime")
    assert fastest(make, survives, model, "f", "float32").name == "torch", "another set of packages is another choice"
    installed.remove("openvino")
    assert fastest(make, survives, model, "f", "float32").asked == 0, "nothing to choose from"


def test_auto_keeps_to_the_precision_and_passes_over_what_fails(installed: list[str], capsys) -> None:
    def make(name: str, dtype: str) -> Timed:
        if name == "torch":
            raise RuntimeError("out of order")
        return Timed(name, dtype, 0.0)

    assert fastest(make, survives, make_model(), "f", "bfloat16").name == "openvino"
    assert "engine torch does not run this model: out of order" in capsys.readouterr().err
    assert fastest(make, survives, make_model(), "f", "int8").dtype == "int8"


def test_auto_of_a_real_model_scores_as_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANKDISTILL_CACHE", str(tmp_path))
    model = made()
    np.testing.assert_allclose(model.with_engine("auto").predict(PAIRS), model.predict(PAIRS), atol=1e-5)


def test_an_engine_that_ends_its_process_is_left_out_by_auto_and_not_tried_again(
    installed: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    tried: list[str] = []

    def dies(name: str, dtype: str) -> None:
        tried.append(name)
        if name == "onnx":
            raise DataError("its process ended with signal 11")

    def make(name: str, dtype: str) -> Timed:
        assert name != "onnx", "it would end this process"
        return Timed(name, dtype, {"torch": 0.03, "openvino": 0.0}[name])

    model = make_model()
    assert fastest(make, dies, model, "f", None).name == "openvino"
    assert "engine onnx does not run this model: its process ended with signal 11" in capsys.readouterr().err
    assert fastest(make, dies, model, "f", None).name == "openvino"
    assert tried == ["onnx", "openvino"], "torch runs here already, and the second time nothing is tried"


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("import os; os._exit(7)", "exit code 7"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "signal 9"),
        ("raise RuntimeError('out of order')", r"exit code 1 \(RuntimeError: out of order\)"),
    ],
)
def test_a_real_model_is_scored_where_every_other_engine_ends_its_process(
    code: str, how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("onnx")
    for package in ("onnxruntime", "openvino"):
        pytest.importorskip(package)
        (tmp_path / f"{package}.py").write_text(code)
    monkeypatch.setenv("RANKDISTILL_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(tmp_path)
    model = made()
    with pytest.raises(DataError, match=how):
        try_apart("onnx", "float32", model.model, None, "f")
    np.testing.assert_array_equal(model.with_engine("auto").predict(PAIRS), model.predict(PAIRS))
    assert capsys.readouterr().err.count("does not run this model: its process ended with") == 2


def test_an_engine_that_does_not_end_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "onnxruntime.py").write_text("import time; time.sleep(60)")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("rankdistill.models.engines.trial.SECONDS", 1)
    with pytest.raises(DataError, match="did not end within 1 seconds"):
        run_apart(["onnx", "no such file", "f32", "1", "no batches"])


def test_a_choice_that_cannot_be_remembered_is_a_choice(
    installed: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RANKDISTILL_CACHE", str(tmp_path / "file"))
    assert fastest(lambda name, dtype: Timed(name, dtype, 0.0), survives, make_model(), "f", None).asked == 4
    assert "is not remembered" in capsys.readouterr().err


@pytest.mark.parametrize("kept", ["", "[]", '{"engine": 3}', '{"engine": "onny"}', '{"engine": null}', "\x00"])
def test_a_damaged_memory_is_measured_again(kept: str, installed: list[str], tmp_path: Path) -> None:
    model = make_model()

    def make(name: str, dtype: str) -> Timed:
        return Timed(name, dtype, 0.0)

    fastest(make, survives, model, "f", None)
    [file] = (tmp_path / "engines").glob("*.json")
    file.write_text(kept)
    assert fastest(make, survives, model, "f", None).asked == 4
    assert fastest(make, survives, model, "f", None).asked == 0
