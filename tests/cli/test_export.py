"""export: checked against torch, written where it is found again."""

import json

import pytest

from rankdistill.models import CrossEncoder


@pytest.mark.parametrize(
    ("engine", "dtype"), [("onnx", "float32"), ("onnx", "int8"), ("openvino", "float32"), ("openvino", "int8")]
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
    assert loaded.folder == tmp_path / "model"
    assert (tmp_path / "model" / engine).is_dir()
    assert "wrote" in outcome.err
    words = ["score", "--model", tmp_path / "model", *words[3:], "--engine", engine, "--dtype", dtype]
    outcome = run(*words, "--out", tmp_path / "scored.trec")
    assert outcome.code == 0, outcome.err


def test_an_engine_that_cannot_is_wrong_use(run, files):
    words = ["export", "--model", files.model, "--collection", files.collection, "--run", files.bm25]
    outcome = run(*words, "--engine", "onnx", "--dtype", "bfloat16")
    assert outcome.code == 2
    assert "engine 'onnx' computes in float32 or int8" in outcome.err
