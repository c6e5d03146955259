"""Models of another shape than their base's: of every family, random, the same for the same seed."""

from __future__ import annotations

import pytest
import torch
from tiny import FAMILIES as TINY
from tiny import make_model

from rankdistill.errors import UsageError
from rankdistill.losses.relations import check_relations
from rankdistill.models.families import FAMILIES, layers_of
from rankdistill.models.outputs import forward
from rankdistill.models.recurrent.config import BiLSTMConfig
from rankdistill.models.shape import heads_for, random_model


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("n_layers", "width", "n_heads"), [(6, 24, 4), (2, 64, 0)])
def test_every_family_has_models_of_other_depth_and_width(family: str, n_layers: int, width: int, n_heads: int) -> None:
    teacher = make_model(family)
    before = teacher.config.to_dict()
    student = random_model(teacher.config, n_layers, width, n_heads)
    assert teacher.config.to_dict() == before
    assert type(student) is type(teacher)
    assert len(layers_of(student)) == student.config.num_hidden_layers == n_layers
    assert student.config.num_attention_heads == (n_heads or 1)
    assert student.get_input_embeddings().weight.shape[0] == teacher.get_input_embeddings().weight.shape[0]
    inputs = {"input_ids": torch.arange(5, 12)[None], "attention_mask": torch.ones(1, 7, dtype=torch.long)}
    with torch.no_grad():
        assert forward(student, inputs, ("hidden",)).hidden[-1].shape == (1, 7, width)
    check_relations(student, teacher)


def test_the_same_seed_gives_the_same_weights_and_no_other_random_numbers_change() -> None:
    config = make_model().config
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one, same, other = (random_model(config, 2, 16, seed=seed).state_dict() for seed in (1, 1, 2))
    assert torch.rand(3).equal(expected)
    assert all(weight.equal(same[name]) for name, weight in one.items())
    assert any(not weight.equal(other[name]) for name, weight in one.items())


def test_the_inside_of_a_layer_keeps_its_ratio_to_the_width() -> None:
    assert "modernbert" in TINY
    assert random_model(make_model("bert").config, 1, 48).config.intermediate_size == 96
    assert random_model(make_model("distilbert").config, 1, 48).config.hidden_dim == 96
    assert random_model(make_model("qwen3").config, 1, 48, 4).config.num_key_value_heads == 2


@pytest.mark.parametrize(("width", "expected"), [(384, 6), (768, 12), (312, 6), (32, 1), (100, 2), (33, 1), (1024, 16)])
def test_heads_have_64_components_where_those_divide_the_width(width: int, expected: int) -> None:
    assert heads_for(width) == expected


@pytest.mark.parametrize(("config", "message"), [(make_model().config, "5 attention heads do not divide a width of 32"),
                                                 (BiLSTMConfig(), "has no layers of attention")])  # fmt: skip
def test_shapes_that_cannot_be_are_refused(config: object, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        random_model(config, 2, 32, 5)
