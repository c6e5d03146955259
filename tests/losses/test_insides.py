"""Losses between insides: against loops, and blind to padding."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from tiny import make_model
from torch import nn

from rankdistill.errors import DataError, UsageError
from rankdistill.losses import LOSSES
from rankdistill.losses.insides import (
    attention_mse,
    check_attention_pair,
    embedding_mse,
    embedding_projection,
    hidden_mse,
    hidden_projections,
    layer_map,
)
from rankdistill.models.families import FAMILIES
from rankdistill.models.outputs import OWN, Outputs
from rankdistill.models.recurrent.config import BiLSTMConfig

P, L, H, HEADS = 3, 5, 6, 2
MASK = torch.ones(1, P, dtype=torch.bool)


def states(layers, seed, hidden=H, heads=HEADS):
    generator = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float32)  # noqa: E731
    tokens = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]]).bool()
    hidden, *projected = ([draw(P, L, hidden) for _ in range(n)] for n in (layers + 1, layers, layers, layers))
    return Outputs({OWN: draw(P, 1)}, tokens, FAMILIES["bert"], heads, hidden, None, *projected)


def lengths(made):
    return made.tokens.sum(1).tolist()


def test_attention_is_compared_between_tokens_alone():
    student, teacher = states(2, 0), states(4, 1)
    expected = []
    for mine, its in ((0, 1), (1, 3)):
        values = []
        for p, n in enumerate(lengths(student)):
            for head in range(HEADS):
                for i in range(n):
                    for j in range(n):
                        s, t = (x.attention(k)[p, head, i, j].item() for x, k in ((student, mine), (teacher, its)))
                        values.append((s - t) ** 2)
        expected.append(sum(values) / len(values))
    assert attention_mse(student, teacher, MASK).item() == pytest.approx(sum(expected) / 2, rel=1e-5)


def test_hidden_states_and_embeddings_are_compared_token_by_token():
    student, teacher = states(2, 0), states(4, 1)

    def distance(a, b):
        values = [((a[p, i] - b[p, i]) ** 2).mean().item() for p, n in enumerate(lengths(student)) for i in range(n)]
        return sum(values) / len(values)

    layers = (distance(student.hidden[1], teacher.hidden[3]) + distance(student.hidden[2], teacher.hidden[4])) / 2
    assert hidden_mse(student, teacher, MASK, layers="last-k").item() == pytest.approx(layers, rel=1e-5)
    alone = distance(student.hidden[2], teacher.hidden[4])
    assert hidden_mse(student, teacher, MASK, layers="last").item() == pytest.approx(alone, rel=1e-5)
    both = distance(student.hidden[0], teacher.hidden[0])
    assert embedding_mse(student, teacher, MASK).item() == pytest.approx(both, rel=1e-5)


@pytest.mark.parametrize("name", [name for name, loss in LOSSES.items() if loss.needs_states])
def test_padding_changes_nothing(name):
    loss = LOSSES[name].function
    student, teacher = states(2, 0), states(4, 1)
    expected = loss(student, teacher, MASK).item()
    for made in (student, teacher):
        for values in (*made.hidden, *made.queries, *made.keys, *made.values):
            values[~made.tokens] = 1e6
    assert loss(student, teacher, MASK).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(
    ("teacher", "settings", "message"),
    [
        ({"num_attention_heads": 2}, {}, "4 heads and the teacher 2"),
        ({}, {"layers": [1]}, "for 2 layers that learn from 4"),
    ],
)
def test_models_that_attention_cannot_compare_are_refused_before_any_pass(teacher, settings, message):
    with pytest.raises(UsageError, match=message):
        check_attention_pair(make_model(num_hidden_layers=2), make_model(**teacher), **settings)


def test_other_widths_go_through_a_projection_and_other_heads_are_refused():
    student, teacher = states(2, 0, hidden=4), states(2, 1)
    maps = {name: nn.Linear(4, H) for name in ("hidden_mse_0", "hidden_mse_1", "hidden_mse", "embedding_mse")}
    student = replace(student, companions=maps)
    separate, shared = hidden_mse(student, teacher, MASK), hidden_mse(student, teacher, MASK, shared=True)
    assert separate.item() != shared.item()
    (separate + embedding_mse(student, teacher, MASK)).backward()
    assert maps["hidden_mse_0"].weight.grad is not None
    assert maps["hidden_mse"].weight.grad is None
    with pytest.raises(UsageError, match="2 heads and the teacher 3"):
        attention_mse(states(2, 0), states(2, 1, heads=3), MASK)


def test_projections_are_made_for_the_layers_compared_where_widths_differ():
    narrow, wide = (SimpleNamespace(hidden_size=width, num_hidden_layers=n) for width, n in ((4, 2), (6, 4)))
    assert hidden_projections(wide, wide) == embedding_projection(wide, wide) == {}
    assert list(hidden_projections(narrow, wide)) == ["hidden_mse_0", "hidden_mse_1"]
    assert list(hidden_projections(narrow, wide, layers="last")) == ["hidden_mse_1"]
    assert list(hidden_projections(narrow, wide, shared=True)) == ["hidden_mse"]
    assert embedding_projection(narrow, wide)["embedding_mse"]().weight.shape == (6, 4)


def test_embeddings_of_a_recurrent_network_are_projected_from_their_own_width():
    """Which is not that of the vector that its head reads."""
    transformer = make_model().config
    for channels, width in ((1, 20), (2, 40)):
        recurrent = BiLSTMConfig(embedding_size=20, channels=channels, lstm_size=4)
        assert recurrent.hidden_size == transformer.hidden_size
        assert embedding_projection(recurrent, transformer)["embedding_mse"]().weight.shape == (32, width)
        assert embedding_projection(transformer, recurrent)["embedding_mse"]().weight.shape == (width, 32)
    assert embedding_projection(BiLSTMConfig(embedding_size=16, channels=2), transformer) == {}


def test_a_family_whose_attention_is_more_than_products_is_refused():
    student = replace(states(2, 0), family=FAMILIES["deberta-v2"])
    assert hidden_mse(student, states(4, 1), MASK).item() > 0
    with pytest.raises(DataError, match=r"DeBERTa-v2 cannot be compared: .* relative positions"):
        attention_mse(student, states(4, 1), MASK)


def test_layer_maps_are_those_of_the_papers():
    assert layer_map(4, 12) == [(0, 2), (1, 5), (2, 8), (3, 11)]
    assert layer_map(4, 7) == [(0, 1), (1, 3), (2, 5), (3, 6)]
    assert layer_map(4, 12, "last-k") == [(0, 8), (1, 9), (2, 10), (3, 11)]
    assert layer_map(4, 12, "last") == [(3, 11)]
    assert layer_map(2, 6, [1, 4]) == [(0, 1), (1, 4)]


@pytest.mark.parametrize("wrong", [[1], [0, 6]])
def test_layers_that_do_not_fit_are_refused(wrong):
    with pytest.raises(UsageError, match="expected 'every', 'last', 'last-k'"):
        layer_map(2, 6, wrong)
