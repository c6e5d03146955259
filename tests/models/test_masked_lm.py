"""The head of a masked language model, against transformers' own, for every family that has one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import lively
from transformers import AutoModelForMaskedLM, AutoModelForSequenceClassification

from rankdistill.errors import DataError
from rankdistill.models.families import FAMILIES
from rankdistill.models.masked_lm import MaskedLMHead, embeddings_of, load_masked_lm_head, save_masked_lm_head
from rankdistill.models.outputs import forward

WITH_HEAD = [name for name, row in FAMILIES.items() if row.masked_lm]
IDS = torch.tensor([[2, 7, 8, 4, 9, 3], [2, 6, 4, 3, 1, 1]])
MASK = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]])


def masked_lm(family: str, folder: Path) -> Any:
    """A masked language model with lively weights, saved, and the classifier over the same encoder."""
    torch.manual_seed(1)
    model = AutoModelForMaskedLM.from_config(lively(family).config).eval()
    with torch.no_grad():
        for name, weights in model.named_parameters():
            if not name.startswith(model.base_model_prefix + "."):
                weights.add_(torch.randn_like(weights) * 0.1)
    model.save_pretrained(folder)
    return model, AutoModelForSequenceClassification.from_pretrained(folder, num_labels=1).eval()


@pytest.mark.parametrize("family", WITH_HEAD)
def test_logits_at_chosen_places_are_those_of_transformers(family: str, tmp_path: Path) -> None:
    whole, classifier = masked_lm(family, tmp_path)
    head = load_masked_lm_head(classifier, tmp_path)
    assert head is not None
    inputs = {"input_ids": IDS, "attention_mask": MASK}
    chosen = MASK.bool() & (torch.arange(6) % 2 == 0)
    with torch.no_grad():
        expected = whole(**inputs).logits[chosen]
        states = forward(classifier, inputs, ("hidden",)).hidden[-1][chosen]
        logits = head(states, embeddings_of(classifier))
        loss = head.loss(states, embeddings_of(classifier), IDS[chosen])
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(loss, torch.nn.functional.cross_entropy(expected, IDS[chosen]))


@pytest.mark.parametrize("family", WITH_HEAD)
def test_a_folder_without_a_head_has_none(family: str, tmp_path: Path) -> None:
    model = lively(family)
    model.save_pretrained(tmp_path)
    assert load_masked_lm_head(model, tmp_path) is None


@pytest.mark.parametrize("family", WITH_HEAD)
def test_a_norm_by_its_first_names_is_the_norm(family: str, tmp_path: Path) -> None:
    """As in the hub's checkpoints of the first BERT, of which transformers renames the encoder's, too."""
    _, classifier = masked_lm(family, tmp_path)
    expected = load_masked_lm_head(classifier, tmp_path)
    weights, norm = load_file(tmp_path / "model.safetensors"), FAMILIES[family].masked_lm.norm  # type: ignore[union-attr]
    first = {f"{norm}.weight": f"{norm}.gamma", f"{norm}.bias": f"{norm}.beta"}
    assert first.keys() & weights.keys()
    first |= {name: name.replace("LayerNorm.weight", "LayerNorm.gamma") for name in weights if "LayerNorm.w" in name}
    first |= {name: name.replace("LayerNorm.bias", "LayerNorm.beta") for name in weights if "LayerNorm.b" in name}
    save_file({first.get(name, name): each for name, each in weights.items()}, tmp_path / "model.safetensors")
    loaded = load_masked_lm_head(classifier, tmp_path)
    assert loaded is not None
    assert expected is not None
    assert loaded.fingerprint() == expected.fingerprint()
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path, num_labels=1)
    for name, each in again.base_model.state_dict().items():
        assert "pooler" in name or torch.equal(each, classifier.base_model.state_dict()[name]), name


def test_a_head_in_several_files_is_put_together(tmp_path: Path) -> None:
    whole, classifier = masked_lm("bert", tmp_path)
    expected = load_masked_lm_head(classifier, tmp_path)
    (tmp_path / "model.safetensors").unlink()
    whole.save_pretrained(tmp_path, max_shard_size=4000)
    assert len(list(tmp_path.glob("*.safetensors"))) > 5
    loaded = load_masked_lm_head(classifier, tmp_path)
    assert loaded is not None
    assert expected is not None
    assert loaded.fingerprint() == expected.fingerprint()


def test_a_saved_head_is_read_before_the_checkpoints_own(tmp_path: Path) -> None:
    _, classifier = masked_lm("bert", tmp_path)
    head = MaskedLMHead(classifier)
    save_masked_lm_head(head, tmp_path)
    loaded = load_masked_lm_head(classifier, tmp_path)
    assert loaded is not None
    for name, weights in head.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], weights), name


def test_without_a_masked_place_the_loss_is_zero_and_has_a_graph(tmp_path: Path) -> None:
    model = lively("bert")
    states = torch.zeros(0, 32, requires_grad=True)
    loss = MaskedLMHead(model).loss(states, embeddings_of(model), torch.zeros(0, dtype=torch.int64))
    loss.backward()
    assert loss.item() == 0


@pytest.mark.parametrize("family", [name for name in FAMILIES if name not in WITH_HEAD])
def test_families_without_one_are_refused(family: str) -> None:
    with pytest.raises(DataError, match="has no masked language model: its tokens do not see what follows them"):
        MaskedLMHead(lively(family))


def test_a_head_of_another_width_is_refused(tmp_path: Path) -> None:
    masked_lm("bert", tmp_path)
    with pytest.raises(DataError, match=r"of shape \(32, 32\), the model needs \(16, 32\): is the folder"):
        load_masked_lm_head(lively("electra"), _as_electra(tmp_path))


def _as_electra(folder: Path) -> Path:
    """The folder with BERT's head under ELECTRA's names."""
    weights = load_file(folder / "model.safetensors")
    names = {
        "cls.predictions.transform.dense.weight": "generator_predictions.dense.weight",
        "cls.predictions.transform.LayerNorm.weight": "generator_predictions.LayerNorm.weight",
        "cls.predictions.bias": "generator_lm_head.bias",
    }
    save_file({names.get(name, name): tensor for name, tensor in weights.items()}, folder / "model.safetensors")
    return folder
