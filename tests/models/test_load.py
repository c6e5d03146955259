"""A damaged or foreign folder is refused, and the message names it; whatever a library raises for it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import make_model, make_tokenizer

from rankdistill.errors import DataError
from rankdistill.models import CrossEncoder

Damage = Callable[[Path], Any]
FILES = ("model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json")


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder as transformers writes it."""
    folder = tmp_path_factory.mktemp("foreign") / "model"
    make_model().save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    return folder


def edited(name: str, **changes: Any) -> Damage:
    def edit(folder: Path) -> None:
        (folder / name).write_text(json.dumps({**json.loads((folder / name).read_text()), **changes}))

    return edit


def written(name: str, text: str) -> Damage:
    return lambda folder: (folder / name).write_text(text)


def cut(name: str) -> Damage:
    return lambda folder: os.truncate(folder / name, (folder / name).stat().st_size * 6 // 10)


def weights(change: Callable[[dict[str, torch.Tensor]], Any]) -> Damage:
    def save(folder: Path) -> None:
        known = load_file(folder / "model.safetensors")
        change(known)
        save_file(known, folder / "model.safetensors", {"format": "pt"})

    return save


def indexed(weight_map: Any) -> Damage:
    def split(folder: Path) -> None:
        (folder / "model.safetensors").rename(folder / "a.safetensors")
        (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weight_map}))

    return split


LAYER = "bert.encoder.layer.0.output.dense.weight"
DAMAGES: dict[str, tuple[Damage, str]] = {
    **{f"{name} is cut": (cut(name), rf"{name} is damaged") for name in FILES},
    **{f"{name} is empty": (written(name, ""), rf"{name} is damaged") for name in FILES},
    **{f"{name} is a list": (written(name, "[1, 2]"), rf"{name}.* got a JSON list") for name in FILES[1:]},
    "config of nothing": (written("config.json", "{}"), "config.json states no model_type"),
    "nested without end": (written("config.json", "[" * 100_000), "config.json is damaged"),
    "negative size": (edited("config.json", hidden_size=-1), "config.json describes"),
    "heads that do not divide": (edited("config.json", num_attention_heads=3), "config.json describes"),
    "labels in words": (edited("config.json", num_labels="x"), "config.json describes no model"),
    "length in words": (edited("config.json", max_position_embeddings="a"), "config.json describes no model"),
    "unknown activation": (edited("config.json", hidden_act="none such"), "config.json describes"),
    "another vocabulary": (edited("config.json", vocab_size=10), r"word_embeddings.weight has shape \(64, 32\)"),
    "fewer layers": (edited("config.json", num_hidden_layers=2), "of more layers than its config.json says"),
    "more layers": (edited("config.json", num_hidden_layers=6), "weights lack|lacks weights"),
    "unknown type": (edited("config.json", model_type="own"), "'own', which transformers has no classification model"),
    "code": (edited("config.json", auto_map={"AutoModelForSequenceClassification": "own.Model"}), "code of its own"),
    "language model": (edited("config.json", architectures=["BertForCausalLM"]), "is a (causal )?language model"),
    "adapter": (written("adapter_config.json", "{}"), "holds an adapter"),
    "index that points outside": (
        indexed({"classifier.weight": "../../a"}),
        "'../../a', which is no file in the folder",
    ),
    "index without a shard": (indexed({"classifier.weight": "b.safetensors"}), "lacks its weights b.safetensors"),
    "index of nothing": (indexed([]), "index.json names no weights"),
    "weights of another name": (lambda f: (f / "model.safetensors").rename(f / "a.safetensors"), "lacks its weights"),
    "no numbers": (weights(lambda known: known[LAYER].fill_(float("nan"))), f"{LAYER} holds values that are no finite"),
    "another shape": (weights(lambda known: known.update({LAYER: torch.zeros(3, 3)})), rf"{LAYER} has shape \(3, 3\)"),
    "lost embeddings": (
        weights(lambda known: known.pop("bert.embeddings.word_embeddings.weight")),
        r"(weights lack|lacks weights).*word_embeddings",
    ),
    "no tokenizer": (
        lambda folder: [(folder / name).unlink() for name in ("tokenizer.json", "tokenizer_config.json")],
        "holds no vocabulary",
    ),
    "tokenizer of nothing": (written("tokenizer.json", "{}"), r"tokenizer \(tokenizer.json, tokenizer_config.json\)"),
    "tokenizer's length in words": (
        edited("tokenizer_config.json", model_max_length="long"),
        "model_max_length 'long'",
    ),
    "tokenizer's length below 0": (edited("tokenizer_config.json", model_max_length=-1), "model_max_length -1"),
    "tokenizer of other inputs": (edited("tokenizer_config.json", model_input_names=["x"]), "model_input_names"),
    "tokenizer that cuts on the left": (edited("tokenizer_config.json", truncation_side="left"), "side 'left'"),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("load", [CrossEncoder.from_pretrained, CrossEncoder.from_base])
def test_damaged_and_foreign_folders_are_refused_by_name(
    damage: str, load: Callable[..., CrossEncoder], foreign: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(foreign, tmp_path / "model"))
    change, message = DAMAGES[damage]
    change(folder)
    with pytest.raises(DataError, match=message) as raised:
        load(folder)
    assert str(folder) in str(raised.value)


def test_positions_that_are_counted_from_a_missing_padding_token_are_refused(tmp_path: Path, tiny_model: Any) -> None:
    tiny_model("roberta").save_pretrained(tmp_path)
    make_tokenizer().save_pretrained(tmp_path)
    edited("config.json", pad_token_id=None)(tmp_path)
    with pytest.raises(DataError, match=r"config.json states no pad_token_id, from which models of type 'roberta'"):
        CrossEncoder.from_pretrained(tmp_path)


def test_a_tokenizer_of_another_model_is_refused(foreign: Path, tmp_path: Path, tiny_model: Any) -> None:
    folder = Path(shutil.copytree(foreign, tmp_path / "model"))
    tiny_model(vocab_size=20).save_pretrained(folder)
    with pytest.raises(DataError, match="its tokenizer has 26 tokens more than the 20 that the model knows, such as"):
        CrossEncoder.from_pretrained(folder)


def test_loaded_weights_begin_where_torch_would_place_them(foreign: Path) -> None:
    """Else a model has other scores once it is saved and loaded."""
    stored = load_file(foreign / "model.safetensors")
    assert any(weight.data_ptr() % 64 for weight in stored.values())
    weights = list(CrossEncoder.from_pretrained(foreign).model.parameters())
    assert len(weights) > 10
    assert all(weight.data_ptr() % 64 == 0 for weight in weights)


def test_weights_in_several_files_are_read(foreign: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(foreign, tmp_path / "model"))
    indexed(dict.fromkeys(load_file(folder / "model.safetensors"), "a.safetensors"))(folder)
    pairs = [("what is a dog", "a dog")]
    assert CrossEncoder.from_pretrained(folder).predict(pairs) == CrossEncoder.from_pretrained(foreign).predict(pairs)


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_in_a_saved_model_is_noticed(name: str, tiny: CrossEncoder, tmp_path: Path) -> None:
    folder = tiny.save(tmp_path / "model")
    content = bytearray((folder / name).read_bytes())
    content[-40] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"{name} was changed after it was written.*delete checksums.json"):
        CrossEncoder.from_pretrained(folder)


def test_a_saved_model_may_be_given_further_files_and_meant_changes(tiny: CrossEncoder, tmp_path: Path) -> None:
    folder = tiny.save(tmp_path / "model")
    (folder / "README.md").write_text("a model")
    assert CrossEncoder.from_pretrained(folder).fingerprint() == tiny.fingerprint()
    edited("config.json", rankdistill={"max_length": 16})(folder)
    (folder / "checksums.json").unlink()
    assert CrossEncoder.from_pretrained(folder).max_length == 16
