"""check --model: a line for each check, and exit code 1 where something is wrong; export --out is whole for others."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from rankdistill.models import CrossEncoder


def test_a_healthy_model_passes_alone_and_on_a_collections_candidates(run, files):
    outcome = run("check", "--model", files.model)
    assert outcome.code == 0, outcome.err
    assert "padding token" in outcome.out
    assert "no errors" in outcome.err
    words = ["check", "--model", files.model, "--collection", files.collection, "--run", files.bm25, "--json"]
    outcome = run(*words)
    found = json.loads(outcome.out)
    assert outcome.code == int(any(each["level"] == "error" for each in found))
    assert {"ties", "truncation"} <= {each["check"] for each in found if each["level"] == "ok"}


def test_a_sigmoid_on_top_is_named_with_exit_code_1(run, files, tmp_path):
    shutil.copytree(files.model, tmp_path / "model")
    (tmp_path / "model" / "checksums.json").unlink(missing_ok=True)
    file = tmp_path / "model" / "config.json"
    config = json.loads(file.read_text()) | {
        "sentence_transformers": {"activation_fn": "torch.nn.modules.activation.Sigmoid"}
    }
    file.write_text(json.dumps(config))
    outcome = run("check", "--model", tmp_path / "model")
    assert outcome.code == 1
    assert "a sigmoid on top" in outcome.out
    assert "found an error: activation" in outcome.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "nothing to check, expected --model"),
        (["--run", "bm25.trec"], "belong to --model"),
        (["--model", "m", "--runs", "bm25.trec"], "give --model without --runs"),
    ],
)
def test_options_that_do_not_belong_together_are_wrong_use(run, words, message):
    outcome = run("check", *words)
    assert outcome.code == 2
    assert message in outcome.err


def test_engines_are_of_a_model(run, files):
    outcome = run("check", "--runs", files.bm25, "--engines", "onnx")
    assert (outcome.code, "--engines" in outcome.err) == (2, True)


def test_a_run_without_its_collection_is_wrong_use(run, files):
    outcome = run("check", "--model", files.model, "--run", files.bm25)
    assert outcome.code == 2
    assert "give --collection, too" in outcome.err


def test_candidates_that_a_collection_has_are_checked_without_a_run(run, files, with_first_stage):
    own = run("check", "--model", files.model, "--collection", with_first_stage, "--json")
    given = run("check", "--model", files.model, "--collection", files.collection, "--run", files.bm25, "--json")
    assert own.out == given.out, own.err
    assert '"check"' in own.out
    outcome = run("check", "--model", files.model, "--collection", files.collection)
    assert outcome.code == 2
    assert "no candidates of its own: give --run" in outcome.err


def test_a_run_that_names_passages_by_their_texts_is_checked(run, files, by_text):
    outcome = run("check", "--model", files.model, "--collection", files.collection, "--run", by_text)
    assert "is read as FlagEmbedding's texts with scores" in outcome.err
    assert "checks" in outcome.err


@pytest.mark.slow
def test_an_export_into_another_folder_is_all_that_readers_of_onnx_files_need(run, files, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnx")
    from tokenizers import Tokenizer

    words = ["export", "--model", files.model, "--collection", files.collection, "--run", files.bm25]
    outcome = run(*words, "--out", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    names = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert {"onnx/model.onnx", "config.json", "tokenizer.json", "tokenizer_config.json"} <= names
    assert "special_tokens_map.json" in names
    assert "model.safetensors" not in names
    model = CrossEncoder.from_pretrained(files.model)
    settings = json.loads((tmp_path / "out" / "tokenizer_config.json").read_text())
    assert settings["model_max_length"] == model.max_length
    encoded = Tokenizer.from_file(str(tmp_path / "out" / "tokenizer.json")).encode("a dog", "the cat wrote")
    session = runtime.InferenceSession(str(tmp_path / "out" / "onnx" / "model.onnx"))
    given = {"input_ids": encoded.ids, "attention_mask": encoded.attention_mask, "token_type_ids": encoded.type_ids}
    inputs = {each.name: np.array([given[each.name]], np.int64) for each in session.get_inputs()}
    [logits] = session.run(["logits"], inputs)
    np.testing.assert_allclose(logits[:, 0], model.predict([("a dog", "the cat wrote")]), atol=1e-5)
