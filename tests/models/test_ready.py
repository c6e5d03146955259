"""A model kept ready scores as it did with torch, and is made anew where anything has changed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny import judged_collection, make_model, make_tokenizer

from rankdistill.models.contract import ScoreContract
from rankdistill.models.cross_encoder import CrossEncoder
from rankdistill.models.ready import ReadyModel, keep_ready, ready_model
from rankdistill.retrieval.bm25 import bm25
from rankdistill.scoring.score import load_scorer, score_with_report
from rankdistill.scoring.settings import ScoringSettings

pytest.importorskip("onnxruntime", reason="the extra 'onnx' is not installed")
ONNX = ScoringSettings(engine="onnx")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RANKDISTILL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    contract = ScoreContract("sigmoid", scale=5)
    return CrossEncoder(make_model(), make_tokenizer(), contract, prompt="find: ").save(tmp_path / "model")


def test_a_ready_model_scores_and_resumes_as_the_model_that_it_was_made_of(folder: Path, tmp_path: Path) -> None:
    collection = judged_collection()
    run = bm25(collection, k=10)
    settings = ScoringSettings(engine="onnx", store=tmp_path / "scores")
    first = load_scorer(folder, settings)
    again = load_scorer(folder, settings)
    assert (type(first), type(again)) == (CrossEncoder, ReadyModel)
    scores, report = score_with_report(first, run, collection, settings)
    assert report.n_resumed == 0
    _, resumed = score_with_report(again, run, collection, settings)
    assert resumed.n_resumed == len(run), "the store knows it as the same model"
    others, _ = score_with_report(again, run, collection, ScoringSettings(engine="onnx"))
    assert others.tobytes() == scores.tobytes()
    windows, _ = score_with_report(again, run, collection, ScoringSettings(engine="onnx", passages="max"))
    assert np.isfinite(windows).all()


def test_a_ready_model_needs_neither_torch_nor_transformers(folder: Path) -> None:
    load_scorer(folder, ONNX)
    script = (
        "import sys; from rankdistill.scoring.score import load_scorer; "
        "from rankdistill.scoring.settings import ScoringSettings; "
        f"made = load_scorer({str(folder)!r}, ScoringSettings(engine='onnx')); "
        "print(type(made).__name__, [name for name in ('torch', 'transformers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "ReadyModel []"


def test_a_folder_that_changed_and_other_settings_are_not_what_was_kept(folder: Path) -> None:
    asked = ONNX.model_facts
    keep_ready(CrossEncoder.from_pretrained(folder, "onnx"), folder, asked)
    assert ready_model(folder, asked) is not None
    assert ready_model(folder, {**asked, "engine": "auto"}) is None
    assert ready_model(folder, {**asked, "engine": "torch"}) is None
    assert ready_model(folder, {**asked, "relevant_label": "1"}) is None
    weights = folder / "model.safetensors"
    state = weights.stat()
    os.utime(weights, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert ready_model(folder, asked) is None


def test_a_damaged_file_is_said_and_made_again(folder: Path, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load_scorer(folder, ONNX)
    (file,) = cache.glob("ready/*/engine/model.onnx")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    assert isinstance(load_scorer(folder, ONNX), CrossEncoder)
    assert "damaged, and made again" in capsys.readouterr().err
    assert isinstance(load_scorer(folder, ONNX), ReadyModel)


def test_what_torch_computes_and_classifiers_are_not_kept(folder: Path, cache: Path, tmp_path: Path) -> None:
    assert isinstance(load_scorer(folder, ScoringSettings()), CrossEncoder)
    classes = CrossEncoder(make_model(num_labels=3), make_tokenizer(), ScoreContract("classes", n_classes=3))
    classes.save(tmp_path / "classes")
    load_scorer(tmp_path / "classes", ONNX)
    assert not list(cache.glob("ready/*"))
