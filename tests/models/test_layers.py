"""Chosen layers make a shallower model, in every family whose layers are a list."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from tiny import FAMILIES
from torch import nn
from transformers import AlbertConfig, AlbertForSequenceClassification

from rankdistill.errors import DataError, UsageError
from rankdistill.models import CrossEncoder, keep_layers
from rankdistill.models.families import layer_list

INPUT = {"input_ids": torch.tensor([[2, 7, 9, 11, 3, 12, 13, 3]]), "attention_mask": torch.ones(1, 8, dtype=torch.long)}


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model(**INPUT).logits


@pytest.mark.parametrize("layers", [[0, 1, 2, 3], [0, 3], [2], [1, 1]])
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.filterwarnings("ignore:model type 'gpt2'")
def test_result_computes_what_the_chosen_layers_compute(
    family: str, layers: list[int], tiny_model: Callable[..., Any]
) -> None:
    model = tiny_model(family)
    if family == "modernbert" and layers[0] != 0:
        with pytest.raises(DataError, match=r"ModernBERT do not fit each other's places.*fits the first place alone"):
            keep_layers(model, layers)
        return
    by_hand = copy.deepcopy(model)
    path, _, name = layer_list(model).rpartition(".")
    parent = by_hand.get_submodule(path)
    setattr(parent, name, nn.ModuleList([copy.deepcopy(getattr(parent, name)[layer]) for layer in layers]))
    for place, layer in enumerate(getattr(parent, name)):
        for module in layer.modules():
            if hasattr(module, "layer_idx"):  # decoders' place in the cache of keys and values
                module.layer_idx = place
    made = keep_layers(model, layers)
    assert made.config.num_hidden_layers == len(layers)
    torch.testing.assert_close(logits(made), logits(by_hand), rtol=0, atol=0)


def test_source_is_unchanged_and_shares_no_weight(tiny_model: Callable[..., Any]) -> None:
    model = tiny_model()
    before = logits(model)
    made = keep_layers(model, [0, 2])
    with torch.no_grad():
        for weight in made.parameters():
            weight.zero_()
    torch.testing.assert_close(logits(model), before, rtol=0, atol=0)
    assert model.config.num_hidden_layers == 4


@pytest.mark.parametrize("layers", [[], [4], [0, -1]])
def test_layers_out_of_range_are_named(layers: list[int], tiny_model: Callable[..., Any]) -> None:
    with pytest.raises(UsageError, match=r"each from 0 to 3: the model has 4"):
        keep_layers(tiny_model(), layers)


def test_random_initialisation_depends_on_the_seed_alone(tiny_model: Callable[..., Any]) -> None:
    model = tiny_model()
    torch.manual_seed(1)
    first = keep_layers(model, [0, 2], initialize="random", seed=5)
    torch.manual_seed(2)
    torch.testing.assert_close(logits(first), logits(keep_layers(model, [0, 2], initialize="random", seed=5)))
    assert not torch.equal(logits(first), logits(keep_layers(model, [0, 2], initialize="random", seed=6)))


def test_cross_encoder_keeps_its_tokenizer_contract_and_length(tiny: CrossEncoder) -> None:
    made = keep_layers(tiny, [0, 2])
    assert isinstance(made, CrossEncoder)
    assert (made.tokenizer, made.contract, made.max_length) == (tiny.tokenizer, tiny.contract, tiny.max_length)
    assert made.n_parameters < tiny.n_parameters


def test_shared_layers_cannot_be_chosen() -> None:
    config = AlbertConfig(vocab_size=32, embedding_size=8, hidden_size=16, num_hidden_layers=4, num_attention_heads=2)
    with pytest.raises(DataError, match="no list of its 4 layers"):
        keep_layers(AlbertForSequenceClassification(config), [0])
