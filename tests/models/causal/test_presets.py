"""The known prompts, as literal text, and the names by which a folder is asked by one of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tiny_causal import QWEN3, token_logits, write_causal

from rankdistill.errors import DataError, UsageError
from rankdistill.models import CrossEncoder
from rankdistill.models.causal.presets import PRESETS, README, preset_of, with_place

ASKED = {"prompt": "Query: {query}\nDocument: {document}\nAnswer:", "relevant_token": "a", "other_token": "the"}
QUERY, DOCUMENT, TOLD = "what is a dog?", "a dog", "find laws"
MXBAI = (
    "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n"
    "<|im_start|>user\n{told}query: what is a dog?\ndocument: a dog\nYou are a search relevance expert who evaluates "
    "how well documents match search queries. For each query-document pair, carefully analyze the semantic "
    "relationship between them, then provide your binary relevance judgment (0 for not relevant, 1 for relevant).\n"
    "Relevance:<|im_end|>\n<|im_start|>assistant\n"
)
RENDERED: dict[str, tuple[str, str, tuple[str, str, float]]] = {
    "qwen3-reranker": (
        QWEN3.format(
            instruction="Given a web search query, retrieve relevant passages that answer the query",
            query=QUERY,
            document=DOCUMENT,
        ),
        QWEN3.format(instruction=TOLD, query=QUERY, document=DOCUMENT),
        ("yes", "no", 1.0),
    ),
    "mxbai-rerank-v2": (
        MXBAI.format(told=""),
        MXBAI.format(told="instruction: find laws\n"),
        ("1", "0", 1.0),
    ),
    "bge-reranker-v2-gemma": (
        "<bos>A: what is a dog?\nB: a dog\nGiven a query A and a passage B, determine whether the passage contains an "
        "answer to the query by providing a prediction of either 'Yes' or 'No'.",
        "",
        ("Yes", "", 1.0),
    ),
    "zerank": (
        "<|im_start|>system\nwhat is a dog?<|im_end|>\n<|im_start|>user\na dog<|im_end|>\n<|im_start|>assistant\n",
        "",
        ("Yes", "", 0.2),
    ),
}
"""Preset -> its text, its text with an instruction (empty: it takes none), its tokens and scale."""
NAMES = {
    "qwen3-reranker": ["Qwen/Qwen3-Reranker-0.6B", "my-qwen3-reranker"],
    "mxbai-rerank-v2": ["mixedbread-ai/mxbai-rerank-base-v2", "mxbai-rerank-large-v2"],
    "bge-reranker-v2-gemma": ["BAAI/bge-reranker-v2-gemma"],
    "zerank": ["zeroentropy/zerank-1-small", "zerank-1", "zeroentropy/zerank-2-reranker"],
}
FAMILY = {name: preset.model_types[0] for name, preset in PRESETS.items()}


def test_every_preset_has_its_text_here() -> None:
    assert set(RENDERED) == set(NAMES) == set(PRESETS)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_makes_this_text(name: str) -> None:
    contract, (text, told, tokens) = PRESETS[name].contract, RENDERED[name]
    prompt = contract.asked()
    assert prompt is not None
    assert prompt.format(QUERY, DOCUMENT) == text
    assert not prompt.special_tokens
    assert (contract.relevant_token, contract.other_token, contract.scale) == tokens
    if told:
        prompt = with_place(contract).given(instruction=TOLD).asked()
        assert prompt is not None
        assert prompt.format(QUERY, DOCUMENT) == told
    else:
        with pytest.raises(UsageError, match="no place"):
            with_place(contract).given(instruction=TOLD).asked()


@pytest.mark.parametrize(
    ("name", "told"), [("qwen3-reranker", None), ("mxbai-rerank-v2", None), ("mxbai-rerank-v2", TOLD), ("zerank", None)]
)
def test_a_models_score_is_that_of_the_presets_text(tmp_path: Path, name: str, told: str | None) -> None:
    folder = write_causal(tmp_path / NAMES[name][0].rpartition("/")[2], FAMILY[name])
    text, instructed, (relevant, other, scale) = RENDERED[name]
    logits = token_logits(folder, instructed if told else text, tuple(filter(None, (relevant, other))))
    expected = scale * (logits[0] - (logits[1] if other else 0.0))
    pair = (f" {QUERY}\n", f"{DOCUMENT} ") if PRESETS[name].contract.stripped else (QUERY, DOCUMENT)
    for prompt in (None, name):
        model = CrossEncoder.from_pretrained(folder, prompt=prompt, instruction=told)
        assert model.predict([pair])[0] == pytest.approx(expected, abs=1e-5)
    saved = model.save(tmp_path / "saved")
    assert CrossEncoder.from_pretrained(saved).predict([pair])[0] == pytest.approx(expected, abs=1e-5)
    if instructed and not told:  # a classifier that was made of it takes an instruction, too
        anew = CrossEncoder.from_pretrained(folder, instruction=TOLD).predict([pair])
        asked = CrossEncoder.from_pretrained(saved, instruction=TOLD).predict([pair])
        assert asked[0] == pytest.approx(anew[0], abs=1e-5)


def place_of(folder: Path, model_type: str, **config: Any) -> tuple[str, str] | None:
    folder.mkdir(parents=True, exist_ok=True)
    return preset_of(folder, {"model_type": model_type, **config})


STATED = {
    "one": "---\nlicense: mit\nbase_model: {}\n---\n# My own\n",
    "quoted": '---\nbase_model: "{}"\n---\n# My own\n',
    "list": "---\nlicense: mit\nbase_model:\n- {}\n---\n# My own\n",
    "second of a list": "---\nbase_model: [some/other, {}]\nlicense: mit\n---\n",
    "title": "---\nlicense: mit\n---\n\n# {}\n",
    "title alone": "# {}\n\nA re-ranker.\n",
    "title after what is no yaml": "---\n{{: [\n---\n# {}\n",
    "title with carriage returns": "---\r\nlicense: mit\r\n---\r\n# {}\r\n",
}


@pytest.mark.parametrize("how", STATED)
@pytest.mark.parametrize("name", PRESETS)
def test_a_readme_states_a_name_for_models_of_that_type(tmp_path: Path, name: str, how: str) -> None:
    for stated in NAMES[name]:
        (tmp_path / README).write_bytes(STATED[how].format(stated).encode())
        assert place_of(tmp_path, FAMILY[name]) == (name, README)
        assert place_of(tmp_path, "llama") is None


@pytest.mark.parametrize(
    "text", ["", "---\n- a\n---\n", "---\nbase_model: [[1], null]\n---\n", "---\na: b\n", "\xff---"]
)
def test_a_readme_that_names_none_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / README).write_text(text, encoding="latin-1")
    assert place_of(tmp_path, "qwen3") is None


def test_a_comment_in_the_metadata_is_no_title(tmp_path: Path) -> None:
    (tmp_path / README).write_text("---\n# beats Qwen3-Reranker\nlicense: mit\n---\n# My own\n")
    assert place_of(tmp_path, "qwen3") is None


@pytest.mark.parametrize("name", PRESETS)
def test_a_folder_is_named_by_its_own_name_or_its_repository_in_the_hubs_cache(tmp_path: Path, name: str) -> None:
    for stated in NAMES[name]:
        last, family = stated.rpartition("/")[2], FAMILY[name]
        by_name = (name, "the folder's name")
        assert place_of(tmp_path / last, family) == by_name
        assert place_of(tmp_path / f"models--any--{last}" / "snapshots" / "0a1b2c", family) == by_name
        assert place_of(tmp_path / last / "model", family) is None
        assert place_of(tmp_path / f"models--{last}--other" / "snapshots" / "0a1b2c", family) is None
        assert place_of(tmp_path / last, "llama") is None
        assert place_of(tmp_path / "any", family, _name_or_path=stated) == (name, "config.json")


def test_a_model_of_another_type_beside_a_known_name_is_not_asked_as_that(tmp_path: Path) -> None:
    for place in ("qwen3-reranker-experiments/llama-reranker", "qwen3-reranker"):
        with pytest.raises(DataError, match="nothing in it says how it is asked"):
            CrossEncoder.from_pretrained(write_causal(tmp_path / place, "llama"))


def write_tokens(folder: Path, relevant: int, other: int | None) -> Path:
    """Write a causal model whose tokens are stated by number, as sentence-transformers' LogitScore has them."""
    write_causal(folder)
    (folder / "1_LogitScore").mkdir()
    (folder / "1_LogitScore" / "config.json").write_text(
        json.dumps({"true_token_id": relevant, "false_token_id": other})
    )
    of_library = "sentence_transformers.base.modules.transformer.Transformer"
    scoring = "sentence_transformers.cross_encoder.modules.logit_score.LogitScore"
    rows = [{"path": "", "type": of_library}, {"path": "1_LogitScore", "type": scoring}]
    rows = [{"idx": place, "name": str(place), **row} for place, row in enumerate(rows)]
    (folder / "modules.json").write_text(json.dumps(rows))
    return folder


def test_another_token_that_is_given_alone_leaves_the_relevant_one(tmp_path: Path) -> None:
    asked = CrossEncoder.from_pretrained(write_causal(tmp_path / "plain"), **ASKED).asked
    assert asked is not None
    assert asked.relevant_id is not None
    for stated in (None, asked.other_id):
        folder = write_tokens(tmp_path / f"stated {stated}", asked.relevant_id, stated)
        for other in ("the", "yes"):
            expected = CrossEncoder.from_pretrained(tmp_path / "plain", **{**ASKED, "other_token": other})
            model = CrossEncoder.from_pretrained(folder, prompt=ASKED["prompt"], other_token=other)
            assert model.predict([("a", "b")]) == pytest.approx(expected.predict([("a", "b")]), abs=1e-5)
        alone = CrossEncoder.from_pretrained(tmp_path / "plain", **{**ASKED, "other_token": None})
        model = CrossEncoder.from_pretrained(folder, prompt=ASKED["prompt"], relevant_token="a")
        assert model.predict([("a", "b")]) == pytest.approx(alone.predict([("a", "b")]), abs=1e-5)
