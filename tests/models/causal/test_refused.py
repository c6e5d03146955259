"""What a causal model cannot be asked with is refused, and the message says what to give."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tiny_causal import write_causal

from rankdistill.errors import DataError, RankDistillError, UsageError
from rankdistill.models import CrossEncoder

ASKED = {"prompt": "Query: {query}\nDocument: {document}\nAnswer:", "relevant_token": "a", "other_token": "the"}
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({"prompt": None, "relevant_token": None, "other_token": None}, "Give --prompt.*Known prompts: qwen3"),
    "no token": ({"relevant_token": None, "other_token": None}, "Give --prompt.*--relevant-token"),
    "several tokens": ({"relevant_token": "a book of"}, "'a book of' is .* tokens of its tokenizer .*expected one"),
    "no text": ({"relevant_token": "zzz zzz"}, "expected one"),
    "the same token": ({"other_token": "a"}, "are the same"),
    "no document": ({"prompt": "Query: {query}"}, r"must hold \{query\} and \{document\}, once each"),
    "no query": ({"prompt": "{document}"}, r"must hold \{query\} and \{document\}, once each"),
    "no place": ({"instruction": "find"}, r"no place \{instruction\}"),
    "no instruction": ({"prompt": "{instruction} {query}\n:{document}"}, "give --instruction"),
    "long": ({"prompt": "a dog " * 700 + "{query}\nB: {document}"}, "the prompt has .* tokens .* cut to"),
    "scale": ({"token_scale": 0.0}, "scale .* must be finite and positive"),
    "messages": ({"prompt": '[{"role": "user"}]'}, "expected a text, or a JSON list of messages"),
    "no template": ({"prompt": '[{"role": "user", "content": "{query} {document}"}]'}, "no chat template"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_causal(tmp_path_factory.mktemp("causal") / "model")


@pytest.mark.parametrize("name", WRONG)
def test_wrong_questions_are_refused(folder: Path, name: str) -> None:
    changes, message = WRONG[name]
    with pytest.raises(RankDistillError, match=message):
        CrossEncoder.from_pretrained(folder, **{**ASKED, **changes}).predict([("a", "b")])


def test_a_text_before_queries_and_a_prompt_around_both_are_refused_together(folder: Path) -> None:
    model = CrossEncoder.from_pretrained(folder, **ASKED)
    with pytest.raises(UsageError, match=r"prompt='find: '.*write the text into that prompt before \{query\}"):
        CrossEncoder(model.model, model.tokenizer, model.contract, prompt="find: ", asked=model.asked)


def test_an_entry_that_is_none_of_ours_is_refused(tmp_path: Path) -> None:
    folder = write_causal(tmp_path / "model")
    file = folder / "config.json"
    config = json.loads(file.read_text())
    for entry, message in (({"prompt": 3}, "expected an object of prompt"), ({"relevant_id": 10**6}, "token's number")):
        file.write_text(json.dumps({**config, "rankdistill": {"prompt_contract": entry}}))
        with pytest.raises(DataError, match=message):
            CrossEncoder.from_pretrained(folder)


def test_what_a_folder_states_is_read(tmp_path: Path) -> None:
    folder = write_causal(tmp_path / "model")
    file = folder / "config.json"
    stated = {"prompt": ASKED["prompt"], "relevant_token": "a", "other_token": "the", "scale": 2.0}
    file.write_text(json.dumps({**json.loads(file.read_text()), "rankdistill": {"prompt_contract": stated}}))
    given = CrossEncoder.from_pretrained(folder, **ASKED, token_scale=2.0)
    assert CrossEncoder.from_pretrained(folder).predict([("a", "b")]) == pytest.approx(given.predict([("a", "b")]))


@pytest.mark.parametrize("change", [{"prompt": ASKED["prompt"]}, {"relevant_token": "a"}, {"token_scale": 2.0}])
def test_models_that_read_no_prompt_or_have_a_head_are_not_asked(
    folder: Path, tmp_path: Path, tiny_model: Any, change: dict[str, Any]
) -> None:
    tiny_model("bert").save_pretrained(tmp_path / "bert")
    with pytest.raises(UsageError, match="no causal language model and reads no prompt"):
        CrossEncoder.from_pretrained(tmp_path / "bert", **change)
    made = CrossEncoder.from_pretrained(folder, **ASKED).save(tmp_path / "made")
    if "prompt" not in change:
        with pytest.raises(UsageError, match="has a head of its own"):
            CrossEncoder.from_pretrained(made, **change)
