"""A classifier made of a causal model gives the same scores here, in transformers and in sentence-transformers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from tiny_causal import CORPUS, FAMILIES, write_causal
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from rankdistill.cli.entry import main
from rankdistill.errors import DataError
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
    np.testing.assert_allclose(scores, model.predict(PAIRS), atol=1e-5, rtol=1e-5)


def test_a_model_and_its_tokens_saved_by_sentence_transformers_are_read(tmp_path: Path) -> None:
    library = pytest.importorskip("sentence_transformers")
    folder = write_causal(tmp_path / "causal")
    CrossEncoder.from_pretrained(folder, **ASKED).save(tmp_path / "classifier")
    template = AutoTokenizer.from_pretrained(tmp_path / "classifier").chat_template
    (folder / "chat_template.jinja").write_text(template)
    theirs = library.CrossEncoder(str(folder), device="cpu", activation_fn=torch.nn.Identity())
    expected = theirs.predict(PAIRS)
    np.testing.assert_allclose(CrossEncoder.from_pretrained(folder).predict(PAIRS), expected, atol=1e-5, rtol=1e-5)
    theirs.save(str(tmp_path / "modules"))
    np.testing.assert_allclose(
        CrossEncoder.from_pretrained(tmp_path / "modules").predict(PAIRS), expected, atol=1e-5, rtol=1e-5
    )


def test_a_classifier_stored_in_bfloat16_ties_scores_in_sentence_transformers_and_one_in_float32_does_not(
    tmp_path: Path,
) -> None:
    library = pytest.importorskip("sentence_transformers")
    words, random = " ".join(CORPUS).split(), np.random.default_rng(0)
    pairs = [(" ".join(random.choice(words, 4)), " ".join(random.choice(words, 12))) for _ in range(500)]
    folder, distinct = write_causal(tmp_path / "causal", dtype=torch.bfloat16), {}
    for dtype in ("bfloat16", "float32"):
        made = CrossEncoder.from_pretrained(folder, dtype=dtype, **ASKED).save(tmp_path / dtype)
        assert len(np.unique(CrossEncoder.from_pretrained(made).predict(pairs))) == len(set(pairs))
        for asked in ({}, {"dtype": "float32"}):
            scores = library.CrossEncoder(str(made), device="cpu", model_kwargs=asked).predict(pairs)
            distinct[dtype, bool(asked)] = len(np.unique(scores))
    assert distinct.pop(("bfloat16", False)) < 0.9 * len(pairs)
    assert set(distinct.values()) == {len(pairs)}


TEMPLATE = (
    "{% for each in messages if each['role'] in ('query', 'document', 'system') %}<|im_start|>{{ each['role'] }}\n"
    "{{ each['content'] }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@pytest.mark.parametrize(
    "stated",
    [
        {"max_seq_length": 60},
        {"do_lower_case": True},
        {"processing_kwargs": {"chat_template": {"add_generation_prompt": True}}},
        {"processing_kwargs": {"chat_template": {"add_generation_prompt": False}}},
    ],
)
def test_what_sentence_transformers_files_state_is_done_behind_a_prompt(tmp_path: Path, stated: dict[str, Any]) -> None:
    library = pytest.importorskip("sentence_transformers")
    folder = write_modules(tmp_path, **stated)
    pairs = [(query.upper(), document) for query, document in PAIRS if query.strip() and len(document) < 99]
    theirs = library.CrossEncoder(str(folder), device="cpu", activation_fn=torch.nn.Identity())
    ours = CrossEncoder.from_pretrained(folder)
    np.testing.assert_allclose(ours.predict(pairs), theirs.predict(pairs), atol=1e-5)
    assert ours.max_length == stated.get("max_seq_length", 600)


def write_modules(place: Path, **stated: Any) -> Path:
    """Write a causal model as sentence-transformers' modules, with settings of its Transformer."""
    library = pytest.importorskip("sentence_transformers")
    folder = write_causal(place / "causal")
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    library.CrossEncoder(str(folder), device="cpu").save(str(place / "modules"))
    file = place / "modules" / "sentence_bert_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **stated}))
    return place / "modules"


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ({"processing_kwargs": {"text": {"max_length": 9}}}, "sentence_bert_config.json states processing_kwargs"),
        ({"processing_kwargs": {"chat_template": {"enable_thinking": False}}}, "states processing_kwargs"),
        ({"query_expansion": {"length": 9}}, "states query_expansion"),
        ({"transformer_task": "feature-extraction"}, "states the task 'feature-extraction'"),
        ({"max_seq_length": "long"}, "got max_seq_length 'long'"),
    ],
)
def test_what_is_stated_and_not_done_behind_a_prompt_is_refused(
    tmp_path: Path, stated: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        CrossEncoder.from_pretrained(write_modules(tmp_path, **stated))


@pytest.mark.parametrize("asking", [{}, ASKED])
@pytest.mark.parametrize("own", [0, 1])
def test_modules_of_a_models_own_code_are_refused_by_name(tmp_path: Path, own: int, asking: dict[str, str]) -> None:
    folder = write_modules(tmp_path)
    modules = json.loads((folder / "modules.json").read_text())
    modules[own]["type"] = f"my_code.{modules[own]['type'].rpartition('.')[2]}"
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(DataError, match=rf"modules.json states the module '{modules[own]['type']}', which is code"):
        CrossEncoder.from_pretrained(folder, **asking)


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


@pytest.mark.parametrize(
    ("asked", "dtype"), [([], "bfloat16"), (["--dtype", "float32"], "float32"), (["--dtype", "bfloat16"], "bfloat16")]
)
def test_export_writes_a_classifier_in_the_dtype_asked_for_else_as_stored(
    tmp_path: Path, asked: list[str], dtype: str
) -> None:
    folder = write_causal(tmp_path / "causal", dtype=torch.bfloat16)
    words = ["export", "--classifier", "--model", str(folder), "--out", str(tmp_path / "classifier"), *asked]
    options = ["--prompt", PROMPT, "--relevant-token", "a", "--other-token", "the"]
    assert main([*words, *options]) == 0
    with safe_open(tmp_path / "classifier" / "model.safetensors", "pt") as weights:
        kinds = {weights.get_tensor(name).dtype for name in weights.keys() if not name.startswith("score")}  # noqa: SIM118
    assert kinds == {getattr(torch, dtype)}


@pytest.mark.parametrize("engine", ["onnx", pytest.param("openvino", marks=pytest.mark.slow)])
def test_a_causal_model_is_exported(made: tuple[Path, CrossEncoder], engine: str) -> None:
    pytest.importorskip({"onnx": "onnxruntime"}.get(engine, engine))
    _, model = made
    np.testing.assert_allclose(model.with_engine(engine).predict(PAIRS), model.predict(PAIRS), atol=1e-4)
