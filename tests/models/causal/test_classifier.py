"""A classifier made of a causal model gives the same scores here, in transformers and in sentence-transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_causal import FAMILIES, write_causal
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from rankdistill.models import CrossEncoder, keep_layers

PROMPT = 'Is the "book" \\ {right}?\nQuery: {query}\nDocument: {document}\nAnswer:'
ASKED = {"prompt": PROMPT, "relevant_token": "a", "other_token": "the"}
PAIRS = [
    (query, document)
    for query in ("what is a dog?", "how to sort\n", " a")
    for document in ("a dog", "the cat wrote a book.\n", "", "long " * 40, "42?", "東京 é")
]


@pytest.fixture(scope="module", params=FAMILIES)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, CrossEncoder]:
    folder = tmp_path_factory.mktemp(request.param)
    model = CrossEncoder.from_pretrained(write_causal(folder / "causal", request.param), **ASKED)
    return model.save(folder / "classifier"), model


def test_saved_classifier_has_the_same_scores(made: tuple[Path, CrossEncoder]) -> None:
    folder, model = made
    again = CrossEncoder.from_pretrained(folder)
    np.testing.assert_allclose(again.predict(PAIRS), model.predict(PAIRS), atol=1e-5)
    assert (again.n_parameters, again.max_length) == (model.n_parameters, model.max_length)


def test_transformers_gives_the_same_scores_through_the_chat_template(made: tuple[Path, CrossEncoder]) -> None:
    folder, model = made
    network, tokenizer = (
        AutoModelForSequenceClassification.from_pretrained(folder),
        AutoTokenizer.from_pretrained(folder),
    )
    for pair, score in zip(PAIRS, model.predict(PAIRS), strict=True):
        messages = [{"role": role, "content": text} for role, text in zip(("query", "document"), pair, strict=True)]
        inputs: Any = tokenizer.apply_chat_template(messages, return_tensors="pt", return_dict=True)
        with torch.no_grad():
            assert float(network(**inputs).logits[0, 0]) == pytest.approx(float(score), abs=1e-5)


def test_sentence_transformers_gives_the_same_scores(made: tuple[Path, CrossEncoder]) -> None:
    library = pytest.importorskip("sentence_transformers")
    folder, model = made
    scores = library.CrossEncoder(str(folder), device="cpu").predict(PAIRS)
    np.testing.assert_allclose(scores, model.predict(PAIRS), atol=1e-5)


def test_a_model_and_its_tokens_saved_by_sentence_transformers_are_read(tmp_path: Path) -> None:
    library = pytest.importorskip("sentence_transformers")
    folder = write_causal(tmp_path / "causal")
    CrossEncoder.from_pretrained(folder, **ASKED).save(tmp_path / "classifier")
    template = AutoTokenizer.from_pretrained(tmp_path / "classifier").chat_template
    (folder / "chat_template.jinja").write_text(template)
    theirs = library.CrossEncoder(str(folder), device="cpu", activation_fn=torch.nn.Identity())
    expected = theirs.predict(PAIRS)
    np.testing.assert_allclose(CrossEncoder.from_pretrained(folder).predict(PAIRS), expected, atol=1e-5)
    theirs.save(str(tmp_path / "modules"))
    np.testing.assert_allclose(CrossEncoder.from_pretrained(tmp_path / "modules").predict(PAIRS), expected, atol=1e-5)


def test_layers_are_cut_and_the_prompt_stays(made: tuple[Path, CrossEncoder], tmp_path: Path) -> None:
    _, model = made
    shallow = keep_layers(model, [0, 2])
    assert shallow.asked == model.asked
    again = CrossEncoder.from_base(made[0], layers=[0, 2])
    np.testing.assert_allclose(again.predict(PAIRS), shallow.predict(PAIRS), atol=1e-5)


def test_the_head_of_a_rounded_model_is_stored_exactly(tmp_path: Path) -> None:
    folder = write_causal(tmp_path / "causal", dtype=torch.bfloat16)
    model = CrossEncoder.from_pretrained(folder, **ASKED)
    again = CrossEncoder.from_pretrained(model.save(tmp_path / "classifier"))
    assert again.model.dtype == torch.bfloat16
    np.testing.assert_allclose(again.predict(PAIRS), model.predict(PAIRS), atol=1e-5)


@pytest.mark.parametrize("engine", ["onnx", pytest.param("openvino", marks=pytest.mark.slow)])
def test_a_causal_model_is_exported(made: tuple[Path, CrossEncoder], engine: str) -> None:
    pytest.importorskip({"onnx": "onnxruntime"}.get(engine, engine))
    _, model = made
    np.testing.assert_allclose(model.with_engine(engine).predict(PAIRS), model.predict(PAIRS), atol=1e-4)
