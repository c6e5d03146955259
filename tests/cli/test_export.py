"""export: checked against torch, written where it is found again."""

import json
import warnings

import numpy as np
import pytest
from tiny import make_model, make_tokenizer

from rankdistill.models import CrossEncoder, ScoreContract, with_two_logits


@pytest.mark.parametrize(
    ("engine", "dtype"),
    [
        ("onnx", "float32"),
        ("onnx", "int8"),
        ("openvino", "float32"),
        pytest.param("openvino", "int8", marks=pytest.mark.slow),
    ],
)
def test_an_exported_model_is_checked_and_found_again(run, files, tmp_path, engine, dtype):
    pytest.importorskip("onnx")
    pytest.importorskip({"onnx": "onnxruntime", "openvino": "openvino"}[engine])
    if (engine, dtype) == ("openvino", "int8"):
        pytest.importorskip("nncf")
    CrossEncoder.from_pretrained(files.model).save(tmp_path / "model")
    words = ["export", "--model", tmp_path / "model", "--collection", files.collection, "--run", files.bm25]
    outcome = run(*words, "--engine", engine, "--dtype", dtype, "--json")
    assert outcome.code == 0, outcome.err
    facts = json.loads(outcome.out)
    assert facts["pairs"] > 100
    assert facts["change in nDCG@10"] is not None
    if dtype == "float32":
        assert facts["greatest difference"] < 1e-4
        assert facts["Kendall's τ"] > 0.9
    loaded = CrossEncoder.from_pretrained(tmp_path / "model", engine=engine, dtype=dtype)
    [entry] = json.loads((tmp_path / "model" / engine / "rankdistill.json").read_text()).values()
    assert len(entry["checks"]) == 1, "checked, and not again"
    assert loaded.folder == tmp_path / "model"
    assert (tmp_path / "model" / engine).is_dir()
    assert "wrote" in outcome.err
    words = ["score", "--model", tmp_path / "model", *words[3:], "--engine", engine, "--dtype", dtype]
    outcome = run(*words, "--out", tmp_path / "scored.trec")
    assert outcome.code == 0, outcome.err


def test_candidates_that_a_collection_has_are_compared_without_a_run(run, files, with_first_stage, tmp_path):
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    words = ["export", "--model", files.model, "--queries", 3, "--json", "--collection"]
    own = run(*words, with_first_stage, "--out", tmp_path / "own")
    assert own.code == 0, own.err
    assert json.loads(own.out)["pairs"] == 30
    outcome = run(*words, files.collection, "--out", tmp_path / "none")
    assert outcome.code == 2
    assert "no candidates of its own: give --run" in outcome.err
    outcome = run("export", "--model", files.model, "--run", files.bm25, "--out", tmp_path / "none")
    assert outcome.code == 2
    assert "give --collection" in outcome.err
    outcome = run("export", "--classifier", "--model", files.model, "--run", files.bm25, "--out", tmp_path / "none")
    assert outcome.code == 2
    assert "leave out --collection, --run" in outcome.err


def test_an_engine_that_cannot_is_wrong_use(run, files):
    words = ["export", "--model", files.model, "--collection", files.collection, "--run", files.bm25]
    outcome = run(*words, "--engine", "onnx", "--dtype", "bfloat16")
    assert outcome.code == 2
    assert "engine 'onnx' computes in float32 or int8" in outcome.err


def test_an_output_that_cannot_be_written_is_refused_before_the_work(run, files, tmp_path):
    words = ["export", "--model", files.model, "--collection", tmp_path / "not there", "--run", tmp_path / "nor this"]
    (tmp_path / "onnx").write_text("a file")
    outcome = run(*words, "--out", tmp_path)
    assert outcome.code == 2
    assert "onnx is a file" in outcome.err
    (tmp_path / "folder" / "onnx" / "model.onnx").mkdir(parents=True)
    outcome = run(*words, "--out", tmp_path / "folder")
    assert outcome.code == 2
    assert "model.onnx is a folder" in outcome.err
    outcome = run(*words, "--one-logit", "--out", tmp_path / "folder")
    assert outcome.code == 2
    assert "not empty" in outcome.err
    outcome = run(*words, "--one-logit")
    assert outcome.code == 2
    assert "--out" in outcome.err


def test_two_logits_are_exported_as_they_are_with_a_note_or_as_one(run, files, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    model = with_two_logits(CrossEncoder.from_pretrained(files.model))
    model.save(tmp_path / "two")
    words = ["export", "--model", tmp_path / "two", "--collection", files.collection, "--run", files.bm25]
    outcome = run(*words, "--queries", 2)
    assert outcome.code == 0, outcome.err
    assert "has two logits, of which many other tools rank by the wrong one: --one-logit" in outcome.err
    outcome = run(*words, "--queries", 2, "--one-logit", "--out", tmp_path / "one")
    assert outcome.code == 0, outcome.err
    assert "two logits" not in outcome.err
    session = onnxruntime.InferenceSession(tmp_path / "one" / "onnx" / "model.onnx")
    assert session.get_outputs()[0].shape[-1] == 1
    pairs = [("how to sort", "sort the list"), ("a dog", "the book is long")]
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)  # the file is found and used
        one = CrossEncoder.from_pretrained(tmp_path / "one", engine="onnx").predict(pairs)
    np.testing.assert_allclose(one, model.predict(pairs), atol=1e-5)
    np.testing.assert_allclose(one, CrossEncoder.from_pretrained(tmp_path / "one").predict(pairs), atol=1e-5)


def test_a_classifier_is_not_told_to_become_one_logit_and_cannot(run, files, tmp_path):
    pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    contract = ScoreContract("classes", n_classes=2)
    CrossEncoder(make_model(num_labels=2), make_tokenizer(), contract).save(tmp_path / "classifier")
    words = ["export", "--model", tmp_path / "classifier", "--collection", files.collection, "--run", files.bm25]
    outcome = run(*words, "--one-logit", "--out", tmp_path / "one")
    assert outcome.code == 2
    assert "a classifier of 2 classes" in outcome.err
    assert not (tmp_path / "one").exists()
    outcome = run(*words, "--queries", 2)
    assert "--one-logit" not in outcome.err


@pytest.mark.slow
def test_int8_that_agrees_too_little_is_told_and_zero_takes_the_fastest(run, files, tmp_path, monkeypatch):
    pytest.importorskip("openvino")
    pytest.importorskip("nncf")
    monkeypatch.setattr("rankdistill.scoring.int8_choice.GROUPS", (32,))
    monkeypatch.setattr("rankdistill.scoring.int8_choice.mean_tau", lambda *_: 0.5)
    words = ["export", "--model", files.model, "--collection", files.collection, "--run", files.bm25, "--queries", 2]
    words += ["--engine", "openvino", "--dtype", "int8", "--out", tmp_path / "out"]
    outcome = run(*words)
    assert outcome.code == 0, outcome.err
    assert "no way of int8 agrees with float32 by 0.97" in outcome.err
    assert "a scale for 32 numbers of a token" in outcome.out
    outcome = run(*words, "--least-tau", 0, "--json")
    assert outcome.code == 0, outcome.err
    assert "no way of int8" not in outcome.err
    assert json.loads(outcome.out)["int8"] == "ranges from pairs"
