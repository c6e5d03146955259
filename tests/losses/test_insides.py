"""Losses between insides: against loops, and blind to padding."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from rankdistill.errors import DataError, UsageError
from rankdistill.losses.insides import attention_mse, embedding_mse, hidden_mse, layer_map
from rankdistill.models.states import States

P, L, H, HEADS = 3, 5, 6, 2


def states(layers, seed, hidden=H, heads=HEADS):
    generator = torch.Generator().manual_seed(seed)
    draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float32)  # noqa: E731
    tokens = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 0, 0, 0, 0]]).bool()
    hidden, queries, keys = ([draw(P, L, hidden) for _ in range(n)] for n in (layers + 1, layers, layers))
    return States(hidden, queries, keys, heads, tokens)


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
    assert attention_mse(student, teacher).item() == pytest.approx(sum(expected) / 2, rel=1e-5)


def test_hidden_states_and_embeddings_are_compared_token_by_token():
    student, teacher = states(2, 0), states(4, 1)

    def distance(a, b):
        values = [((a[p, i] - b[p, i]) ** 2).mean().item() for p, n in enumerate(lengths(student)) for i in range(n)]
        return sum(values) / len(values)

    layers = (distance(student.hidden[1], teacher.hidden[3]) + distance(student.hidden[2], teacher.hidden[4])) / 2
    assert hidden_mse(student, teacher, layers="last-k").item() == pytest.approx(layers, rel=1e-5)
    alone = distance(student.hidden[2], teacher.hidden[4])
    assert hidden_mse(student, teacher, layers="last").item() == pytest.approx(alone, rel=1e-5)
    both = distance(student.hidden[0], teacher.hidden[0])
    assert embedding_mse(student, teacher).item() == pytest.approx(both, rel=1e-5)


@pytest.mark.parametrize("loss", [attention_mse, hidden_mse, embedding_mse])
def test_padding_changes_nothing(loss):
    student, teacher = states(2, 0), states(4, 1)
    expected = loss(student, teacher).item()
    for made in (student, teacher):
        for values in (*made.hidden, *made.queries, *made.keys):
            values[~made.tokens] = 1e6
    assert loss(student, teacher).item() == pytest.approx(expected, rel=1e-5)


def test_other_widths_go_through_a_projection_and_other_heads_are_refused():
    student, teacher = states(2, 0, hidden=4), states(2, 1)
    maps = {name: nn.Linear(4, H) for name in ("hidden_mse_0", "hidden_mse_1", "hidden_mse", "embedding_mse")}
    student = replace(student, projections=maps)
    separate, shared = hidden_mse(student, teacher), hidden_mse(student, teacher, shared=True)
    assert separate.item() != shared.item()
    (separate + embedding_mse(student, teacher)).backward()
    assert maps["hidden_mse_0"].weight.grad is not None
    assert maps["hidden_mse"].weight.grad is None
    with pytest.raises(UsageError, match="2 heads and the teacher 3"):
        attention_mse(states(2, 0), states(2, 1, heads=3))


def test_layers_without_queries_and_keys_have_states_but_no_attention():
    student, teacher = replace(states(2, 0), keys=[None, None]), states(4, 1)
    assert hidden_mse(student, teacher).item() > 0
    with pytest.raises(DataError, match=r"layer 0 has no module called .* leave attention_mse out"):
        attention_mse(student, teacher)


def test_layer_maps_are_those_of_the_papers():
    assert layer_map(4, 12) == [(0, 2), (1, 5), (2, 8), (3, 11)]
    assert layer_map(4, 7) == [(0, 1), (1, 3), (2, 5), (3, 6)]
    assert layer_map(4, 12, "last-k") == [(0, 8), (1, 9), (2, 10), (3, 11)]
    assert layer_map(4, 12, "last") == [(3, 11)]
    assert layer_map(2, 6, [1, 4]) == [(0, 1), (1, 4)]
    for wrong in ("first", [1], [0, 6]):
        with pytest.raises(UsageError, match="expected 'every', 'last', 'last-k'"):
            layer_map(2, 6, wrong)
