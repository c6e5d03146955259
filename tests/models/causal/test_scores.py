"""A causal model's score is a difference of two tokens' logits at the end of its prompt, as transformers has it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_causal import FAMILIES, GUESSED, QWEN3, token_logits, write_causal

from rankdistill.models import CrossEncoder
from rankdistill.models.outputs import OWN, forward

Pairs = list[tuple[str, str]]
ASKED = {"prompt": "Query: {query}\nDocument: {document}\nAnswer: ", "relevant_token": "a", "other_token": "the"}


@pytest.fixture(scope="module", params=FAMILIES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_causal(tmp_path_factory.mktemp("causal") / "model", request.param)


@pytest.fixture
def many(pairs: Pairs) -> Pairs:
    return [*pairs, *(("what is a dog?", f"a dog is {'the cat ' * (i % 7)} {i}.\n") for i in range(12)), (" a ", "\n")]


@pytest.mark.parametrize("other", ["the", None])
def test_scores_are_those_of_transformers_pair_by_pair(folder: Path, many: Pairs, other: str | None) -> None:
    asked = {**ASKED, "other_token": other, "token_scale": 0.5}
    model = CrossEncoder.from_pretrained(folder, **asked)
    expected = []
    for query, document in many:
        logits = token_logits(folder, f"Query: {query}\nDocument: {document}\nAnswer: ", ("a", "the"))
        expected.append(0.5 * (logits[0] - (logits[1] if other else 0.0)))
    scores = model.predict(many)
    assert scores.dtype == np.float32
    assert np.ptp(scores) > 1
    np.testing.assert_allclose(scores, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("tied", [True, False])
def test_a_stored_head_counts_whatever_the_config_says_of_ties(
    tmp_path: Path, family: str, tied: bool, pairs: Pairs
) -> None:
    folder = write_causal(tmp_path / "model", family)
    weights = load_file(folder / "model.safetensors")
    weights["lm_head.weight"] = weights["model.embed_tokens.weight"].flip(1).contiguous()
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "tie_word_embeddings": tied}))
    expected = [
        np.subtract(*token_logits(folder, f"Query: {query}\nDocument: {document}\nAnswer: ", ("a", "the")))
        for query, document in pairs
    ]
    scores = CrossEncoder.from_pretrained(folder, **ASKED).predict(pairs)
    np.testing.assert_allclose(scores, expected, atol=1e-5, rtol=1e-5)


def test_batches_order_and_the_side_of_padding_change_nothing(folder: Path, many: Pairs) -> None:
    model = CrossEncoder.from_pretrained(folder, **ASKED)
    scores = model.predict(many)
    alone = np.concatenate([model.predict([pair]) for pair in many])
    np.testing.assert_allclose(alone, scores, atol=2e-5)
    np.testing.assert_allclose(model.predict(many[::-1])[::-1], scores, atol=2e-5)
    np.testing.assert_allclose(model.predict(many, batch_tokens=150), scores, atol=2e-5)
    model.tokenizer.padding_side = "right"
    again = CrossEncoder(model.model, model.tokenizer, model.contract, asked=model.asked)
    np.testing.assert_allclose(again.predict(many), scores, atol=2e-5)


def test_a_shared_prefix_is_computed_once_and_gives_the_same_scores(
    folder: Path, many: Pairs, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = CrossEncoder.from_pretrained(folder, **ASKED)
    seen: list[tuple[int, ...]] = []
    inner = model.model.base_model
    forward = inner.forward
    monkeypatch.setattr(inner, "forward", lambda **given: seen.append(given["input_ids"].shape) or forward(**given))
    same = [("what is a long book about the dog?", document) for _, document in many]
    scores = model.predict(same)
    rows = [rows for rows, _ in seen]
    assert (rows[0], sum(rows[1:])) == (1, len(same))
    assert 1 not in rows[1:]
    assert seen[0][1] > 8
    monkeypatch.setattr("rankdistill.models.causal.shared_prefix.LEAST_TOKENS", 10_000)
    np.testing.assert_allclose(model.predict(same), scores, atol=2e-5)
    assert len(seen) > len(rows)


@pytest.mark.parametrize("dtype", [None, "bfloat16", "auto"])
def test_engine_auto_keeps_a_decoders_stored_dtype_by_torch(tmp_path: Path, many: Pairs, dtype: str | None) -> None:
    folder = write_causal(tmp_path / "model", dtype=torch.bfloat16)
    expected = CrossEncoder.from_pretrained(folder, dtype=dtype, **ASKED)
    model = CrossEncoder.from_pretrained(folder, engine="auto", dtype=dtype, **ASKED)
    assert model.model.dtype == torch.bfloat16
    assert model.engine.name == "torch"
    assert model.batching == expected.batching
    np.testing.assert_array_equal(model.predict(many), expected.predict(many))
    assert expected.with_engine("auto", dtype).model is expected.model


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_float32_that_is_asked_for_and_exports_read_float32_weights(tmp_path: Path, dtype: str) -> None:
    folder = write_causal(tmp_path / "model", dtype=torch.bfloat16)
    for engine in ("auto", "onnx"):
        model = CrossEncoder.from_pretrained(folder, engine=engine, dtype=dtype, **ASKED)
        assert (model.model.dtype, model.engine_name) == (torch.float32, engine)
        again = CrossEncoder.from_pretrained(folder, **ASKED).with_engine(engine, dtype)
        assert (again.model.dtype, again.engine_name) == (torch.float32, engine)


@pytest.mark.parametrize("dtype", [None, "bfloat16", "auto"])
def test_weights_stay_in_their_dtype_and_scores_leave_in_float32(
    tmp_path: Path, many: Pairs, dtype: str | None
) -> None:
    folder = write_causal(tmp_path / "model", dtype=torch.bfloat16)
    exact = CrossEncoder.from_pretrained(folder, dtype="float32", **ASKED)
    assert {each.dtype for each in exact.model.parameters()} == {torch.float32}
    model = CrossEncoder.from_pretrained(folder, dtype=dtype, **ASKED)
    kinds = {name: each.dtype for name, each in model.model.named_parameters()}
    assert kinds.pop("score.weight") == torch.float32
    assert set(kinds.values()) == {torch.bfloat16}
    scores = model.predict(many)
    assert scores.dtype == np.float32
    assert len(set(scores.tolist())) == len(set(exact.predict(many).tolist()))
    assert np.corrcoef(scores, exact.predict(many))[0, 1] > 0.99
    np.testing.assert_allclose(model.with_dtype("float32").predict(many), exact.predict(many), atol=1e-5)


@pytest.mark.parametrize("family", GUESSED)
@pytest.mark.filterwarnings("ignore:model type")
def test_families_without_a_row_keep_bfloat16_as_a_causal_model_and_as_a_classifier(
    tmp_path: Path, many: Pairs, family: str
) -> None:
    folder = write_causal(tmp_path / "model", family, dtype=torch.bfloat16)
    model = CrossEncoder.from_pretrained(folder, **ASKED)
    assert model.model.dtype == torch.bfloat16
    assert not model.reads_padding
    scores = model.predict(many)
    exact = CrossEncoder.from_pretrained(folder, dtype="float32", **ASKED).predict(many)
    assert np.corrcoef(scores, exact)[0, 1] > 0.99
    made = model.save(tmp_path / "classifier")
    again = CrossEncoder.from_pretrained(made)
    assert again.model.dtype == torch.bfloat16
    np.testing.assert_allclose(again.predict(many), scores, atol=1e-5)
    assert CrossEncoder.from_pretrained(made, dtype="float32").model.dtype == torch.float32


def test_weights_in_bfloat16_compute_in_it_whatever_is_asked_of_a_forward_pass(tmp_path: Path) -> None:
    model = CrossEncoder.from_pretrained(write_causal(tmp_path / "model", dtype=torch.bfloat16), **ASKED).model
    ids = torch.arange(40).reshape(2, 20)
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    with torch.no_grad():
        logits = [forward(model, inputs, dtype=dtype).logits[OWN] for dtype in ("float32", "bfloat16")]
    assert logits[0].dtype == torch.float32
    assert torch.equal(*logits)


def test_the_prompt_of_a_known_model_is_recognised_by_its_readme(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_causal(tmp_path / "model")
    (folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# Qwen3-Reranker-0.6B\n")
    model = CrossEncoder.from_pretrained(folder, instruction="find books")
    assert "asked as qwen3-reranker, by README.md" in capsys.readouterr().err
    text = QWEN3.format(instruction="find books", query="what is a dog?", document="a dog")
    yes, no = token_logits(folder, text, ("yes", "no"))
    assert model.predict([("what is a dog?", "a dog")])[0] == pytest.approx(yes - no, abs=1e-5)
