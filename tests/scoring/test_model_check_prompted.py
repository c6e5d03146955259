"""`check_model` finds nothing in healthy models that read a prompt, and names what is wrong in others."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_causal import write_causal

from rankdistill.cli.entry import main
from rankdistill.models import CrossEncoder
from rankdistill.models.engines.export import export_model
from rankdistill.scoring.model_check.check import check_model

PROMPT = "<|im_start|>user\nQuery: {query}\nDocument: {document}<|im_end|>\n<|im_start|>assistant\nAnswer:"
ASKED = {"prompt": PROMPT, "relevant_token": "a", "other_token": "the"}
OPTIONS = ["--prompt", PROMPT.replace("\n", "\\n"), "--relevant-token", "a", "--other-token", "the"]


def saved(folder: Path, family: str = "qwen3", **changes: Any) -> Path:
    """A classifier made of a causal model, as `export --classifier` writes it."""
    causal = write_causal(folder.with_name(f"{folder.name}-causal"), family)
    CrossEncoder.from_pretrained(causal, **{**ASKED, **changes}).save(folder)
    (folder / "checksums.json").unlink()
    return folder


def found(folder: Path, level: str = "error", **options: Any) -> dict[str, str]:
    return {each.check: each.what for each in check_model(folder, **options) if each.level == level}


def edit(file: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    config = json.loads(file.read_text())
    change(config)
    file.write_text(json.dumps(config))


@pytest.mark.parametrize(
    "family", ["qwen3", *(pytest.param(family, marks=pytest.mark.slow) for family in ("llama", "gemma"))]
)
def test_a_classifier_in_a_prompt_is_healthy_and_so_is_its_exported_file(tmp_path: Path, family: str) -> None:
    pytest.importorskip("onnxruntime")
    folder = saved(tmp_path / "model", family)
    model = CrossEncoder.from_pretrained(folder)
    export_model(model.model, model.fingerprint(), folder, "onnx", "float32")
    assert found(folder) == {}
    assert {"prompt", "transformers", "onnx/model.onnx"} <= set(found(folder, "ok"))
    assert main(["check", "--model", str(folder)]) == 0


@pytest.mark.parametrize("prompt", ["B: {document}\nA: {query}\nAnswer:", "Query: {query}\nDocument: {document}"])
def test_prompts_of_other_forms_are_healthy(tmp_path: Path, prompt: str) -> None:
    assert found(saved(tmp_path / "model", prompt=prompt)) == {}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_causal_model_is_checked_as_it_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], dtype: torch.dtype
) -> None:
    folder = write_causal(tmp_path / "model", dtype=dtype)
    assert found(folder, **ASKED) == {}
    assert main(["check", "--model", str(folder), *OPTIONS]) == 0
    assert main(["check", "--model", str(folder)]) == 1
    assert "Give --prompt" in capsys.readouterr().out
    assert main(["check", "--runs", "run.trec", *OPTIONS[:2]]) == 2
    assert "--prompt" in capsys.readouterr().err


def test_a_model_whose_weights_are_rounded_is_healthy(tmp_path: Path) -> None:
    causal = write_causal(tmp_path / "causal", dtype=torch.bfloat16)
    folder = CrossEncoder.from_pretrained(causal, **ASKED).save(tmp_path / "model")
    assert "transformers" in found(folder, "ok")


def other_template(folder: Path) -> None:
    file = folder / "chat_template.jinja"
    assert "Answer:" in file.read_text()
    file.write_text(file.read_text().replace("Answer:", "Relevant:"))


def no_template(folder: Path) -> None:
    (folder / "chat_template.jinja").unlink()


def other_prompt(folder: Path) -> None:
    def change(config: dict[str, Any]) -> None:
        entry = config["rankdistill"]["prompt_contract"]
        entry["prompt"] = entry["prompt"].replace("Query: ", "Question: ")

    edit(folder / "config.json", change)


def no_room(folder: Path) -> None:
    edit(folder / "config.json", lambda config: config["rankdistill"].update(max_length=20))


def little_room(folder: Path) -> None:
    model = CrossEncoder.from_pretrained(folder)
    fixed = len(model.tokenizer(PROMPT.replace("{query}", "").replace("{document}", ""))["input_ids"])
    edit(folder / "config.json", lambda config: config["rankdistill"].update(max_length=fixed + 4))


def padding_ends_the_prompt(folder: Path) -> None:
    token = CrossEncoder.from_pretrained(folder).tokenizer(":")["input_ids"][-1]
    edit(folder / "config.json", lambda config: config.update(pad_token_id=token))
    edit(folder / "tokenizer_config.json", lambda config: config.update(pad_token=":"))


def other_exported_weights(folder: Path) -> None:
    model = CrossEncoder.from_pretrained(folder)
    for weight in model.model.parameters():
        weight.data *= 1.2
    export_model(model.model, model.fingerprint(), folder, "onnx", "float32")


@pytest.mark.parametrize(
    ("damage", "check", "message"),
    [
        (other_template, "prompt", "the chat template makes another text"),
        (no_template, "prompt", "no chat template"),
        (other_prompt, "prompt", "the chat template makes another text"),
        (no_room, "truncation", r"the prompt has \d+ tokens without its texts"),
        (little_room, "truncation", r"leave \d for query and document"),
        (padding_ends_the_prompt, "padding token", "pairs end in the padding token"),
        (other_exported_weights, "onnx/model.onnx", "it holds other weights"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_is_wrong_with_a_prompted_model_is_named(
    tmp_path: Path, damage: Callable[[Path], None], check: str, message: str
) -> None:
    folder = saved(tmp_path / "model")
    damage(folder)
    errors = found(folder)
    assert check in errors
    assert re.search(message, errors[check]), errors[check]


def test_a_causal_model_that_was_read_otherwise_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_causal(tmp_path / "model")
    read = CrossEncoder.from_pretrained

    def other_head(*args: Any, **options: Any) -> CrossEncoder:
        model = read(*args, **options)
        model.model.score.weight.data *= 1.1
        return model

    monkeypatch.setattr(CrossEncoder, "from_pretrained", other_head)
    assert "differ by" in found(folder, **ASKED)["transformers"]
