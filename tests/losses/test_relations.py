"""MiniLMv2's relations: against loops in float64, blind to padding, differentiable, for any widths and any family."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import FAMILIES as TINY
from tiny import lively, make_model
from torch import Tensor

from rankdistill.errors import DataError, UnknownNameError, UsageError
from rankdistill.losses.divergence import _by_kernel, _by_torch, summed_divergence
from rankdistill.losses.registry import get_loss
from rankdistill.losses.relations import (
    check_relations,
    choose_heads,
    choose_layer,
    relations,
    told_relations,
    widths_of,
)
from rankdistill.models.families import FAMILIES
from rankdistill.models.outputs import PROJECTIONS, forward
from rankdistill.training import Objective

MASK = torch.ones(1, 1, dtype=torch.bool)


def naive(student: Tensor, teacher: Tensor, tokens: Tensor, n_heads: int) -> float:
    """The sum by the letter of MiniLMv2 eq. 3 to 6, number by number in float64."""

    def shares(vectors: list[list[float]], row: int) -> list[float]:
        scores = [sum(a * b for a, b in zip(vectors[row], other, strict=True)) for other in vectors]
        scores = [score / math.sqrt(len(vectors[row])) for score in scores]
        total = sum(math.exp(score - max(scores)) for score in scores)
        return [math.exp(score - max(scores)) / total for score in scores]

    total = 0.0
    for own, its, real in zip(student.double(), teacher.double(), tokens, strict=True):
        for mine, theirs in zip(own[real].chunk(n_heads, -1), its[real].chunk(n_heads, -1), strict=True):
            for row in range(len(mine)):
                p, q = shares(theirs.tolist(), row), shares(mine.tolist(), row)
                total += sum(a * math.log(a / b) for a, b in zip(p, q, strict=True) if a)
    return total


def drawn(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


TOKENS = torch.tensor([[1, 1, 1, 1, 1, 1], [1, 1, 1, 0, 0, 0], [0, 0, 1, 1, 0, 1], [1, 0, 0, 0, 0, 0]]).bool()
"""Padding on the right, on both sides and between, and a text of one token."""


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["kernel", "torch"])
@pytest.mark.parametrize(("n_heads", "width", "teacher_width"), [(1, 5, 3), (2, 6, 16), (4, 12, 4), (3, 27, 33)])
def test_the_sum_is_that_of_loops_in_float64(n_heads: int, width: int, teacher_width: int, dtype: torch.dtype) -> None:
    student, teacher = drawn(4, 6, width, dtype=dtype), drawn(4, 6, teacher_width, seed=1, dtype=dtype)
    found = summed_divergence(2 * student, 2 * teacher, TOKENS, n_heads)
    expected = naive(2 * student, 2 * teacher, TOKENS, n_heads)
    assert found.item() == pytest.approx(expected, rel=1e-5 if dtype == torch.float32 else 1e-12)


@given(st.integers(1, 9), st.integers(1, 40), st.integers(1, 3), st.integers(0, 99), st.sampled_from([0.1, 1.0, 9.0]))
@settings(max_examples=25)
def test_kernel_and_torch_agree_on_sum_and_gradient(size: int, n: int, n_heads: int, seed: int, spread: float) -> None:
    student, teacher = spread * drawn(2, n, n_heads * size, seed=seed), spread * drawn(2, n, n_heads * 2, seed=seed + 1)
    tokens = drawn(2, n, seed=seed + 2) > -0.5
    total, gradient = _by_kernel(student, teacher, tokens, n_heads)
    its_total, its_gradient = _by_torch(student.double(), teacher.double(), tokens, n_heads)
    assert total.item() == pytest.approx(its_total.item(), rel=2e-4, abs=2e-4)
    torch.testing.assert_close(gradient.double(), its_gradient, atol=2e-4 * spread, rtol=2e-3)


def test_the_gradient_is_that_of_finite_differences() -> None:
    student = drawn(4, 6, 6, dtype=torch.float64).requires_grad_()
    teacher = drawn(4, 6, 8, seed=1, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: 3 * summed_divergence(x, teacher, TOKENS, 2), (student,))


def test_gradients_reach_no_padding_and_no_teacher() -> None:
    student, teacher = drawn(4, 6, 8).requires_grad_(), drawn(4, 6, 8, seed=1).requires_grad_()
    summed_divergence(student, teacher, TOKENS, 2).backward()
    assert teacher.grad is None
    assert student.grad is not None
    assert (student.grad[~TOKENS] == 0).all()
    assert student.grad[0].abs().min() > 0


def test_equal_relations_are_no_distance_whatever_the_widths() -> None:
    student = drawn(4, 6, 8)
    turned = student.unflatten(-1, (2, 4)).flip(-1).flatten(-2)  # another basis of each head
    wider = torch.cat([turned.unflatten(-1, (2, 4)), torch.zeros(4, 6, 2, 4)], -1).flatten(-2) * 2**0.25
    assert summed_divergence(student, wider, TOKENS, 2).item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("n_threads", [2, 3])
def test_the_result_does_not_depend_on_the_number_of_threads(n_threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    student, teacher = drawn(4, 6, 8), drawn(4, 6, 16, seed=1)
    total, gradient = _by_kernel(student, teacher, TOKENS, 4)
    monkeypatch.setattr(torch, "get_num_threads", lambda: n_threads)
    its_total, its_gradient = _by_kernel(student, teacher, TOKENS, 4)
    assert total.equal(its_total)
    assert gradient.equal(its_gradient)


def test_values_that_are_no_numbers_are_seen_in_the_sum() -> None:
    student = drawn(1, 6, 8)
    student[0, 2, 3] = math.nan
    assert math.isnan(summed_divergence(student, drawn(1, 6, 8, seed=1), TOKENS[:1], 2).item())


# -- the loss over models' outputs -------------------------------------------------------------------------------------


def inputs(lengths: tuple[int, ...], width: int = 12, pad: int = 0) -> dict[str, Tensor]:
    ids = torch.randint(5, 40, (len(lengths), width), generator=torch.Generator().manual_seed(1))
    mask = (torch.arange(width) < torch.tensor(lengths)[:, None]).long()
    return {"input_ids": ids.where(mask.bool(), pad), "attention_mask": mask}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_gives_the_vectors_of_one_layer_and_stops_after_them(family: str) -> None:
    model = lively(family)
    batch = inputs((12, 4), pad=int(model.config.pad_token_id or 0))
    with torch.no_grad():
        every = forward(model, batch, PROJECTIONS)
        below = []
        for at, layer in enumerate(every.queries[:-1]):
            alone = forward(model, batch, ("relations",), layer=at)
            assert alone.logits == {}
            assert alone.related is not None
            expected = layer, every.keys[at], every.values[at]
            assert all(a.equal(b) for a, b in zip(alone.related, expected, strict=True))
            below.append(alone.related)
        with_logits = forward(model, batch, ("logits", "relations"))
    assert with_logits.related is not None
    assert with_logits.related[0].equal(every.queries[-1])
    assert len(with_logits.logits) == 1
    assert not any(module._forward_hooks for module in model.modules())
    assert widths_of(model, 0) == [vectors.shape[-1] for vectors in below[0]]


def test_nothing_above_the_layer_is_computed() -> None:
    model, ran = lively("bert"), []
    for at, layer in enumerate(model.bert.encoder.layer):
        layer.register_forward_hook(lambda *_, at=at: ran.append(at))
    forward(model, inputs((5,)), ("relations",), layer=2)
    assert ran == [0, 1]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_loss_of_every_family_is_the_mean_of_three_relations_over_its_tokens(family: str) -> None:
    student = lively(family, num_hidden_layers=2) if family != "distilbert" else lively(family, n_layers=2)
    teacher, batch = lively(family), inputs((12, 4, 7), pad=int(student.config.pad_token_id or 0))
    with torch.no_grad():
        own = forward(student, batch, ("relations",))
        its = forward(teacher, batch, ("relations",), layer=1)
        found = relations(own, its, MASK, relation_heads=2, layer=1)
    assert own.related is not None
    assert its.related is not None
    expected = sum(naive(a, b, own.tokens, 2) for a, b in zip(own.related, its.related, strict=True)) / (2 * 23)
    assert found.item() == pytest.approx(expected, rel=1e-4)
    assert found.item() > 0


def test_padding_and_parts_of_a_batch_change_nothing() -> None:
    student, teacher = lively("bert", num_hidden_layers=2), lively("bert")
    batch = inputs((3, 12, 7, 5))

    def loss(*parts: dict[str, Tensor]) -> float:
        with torch.no_grad():
            own = [forward(student, part, ("relations",)) for part in parts]
            its = [forward(teacher, part, ("relations",), layer=3) for part in parts]
        return relations(own, its, MASK).item()

    longer = {name: torch.nn.functional.pad(values, (0, 9)) for name, values in batch.items()}
    short = {name: values[[0, 3], :5] for name, values in batch.items()}
    long = {name: values[[1, 2]] for name, values in batch.items()}
    assert loss(longer) == pytest.approx(loss(batch), rel=1e-5)
    assert loss(long, short) == pytest.approx(loss(batch), rel=1e-5)


def test_outputs_of_all_layers_are_compared_in_the_layers_asked_for() -> None:
    student, teacher, batch = lively("bert", num_hidden_layers=2), lively("bert"), inputs((3, 12))
    with torch.no_grad():
        whole = [forward(model, batch, PROJECTIONS) for model in (student, teacher)]
        alone = forward(student, batch, ("relations",)), forward(teacher, batch, ("relations",), layer=1)
        assert relations(*whole, MASK, layer=1).item() == pytest.approx(relations(*alone, MASK).item(), rel=1e-6)


# -- choices and refusals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n_layers", "expected"), [(1, 0), (6, 5), (12, 11), (24, 18), (16, 12), (48, 37)], ids=lambda n: str(n)
)
def test_a_teacher_of_base_size_teaches_by_its_last_layer_and_a_large_one_by_the_19th_of_24(
    n_layers: int, expected: int
) -> None:
    assert choose_layer(n_layers) == expected


@pytest.mark.parametrize(
    ("widths", "expected"),
    [
        ([(384, 768)] * 3, 48),
        ([(384, 1024)] * 3, 64),
        ([(768, 768)] * 3, 48),
        ([(32, 32)] * 3, 4),
        ([(312, 768)] * 3, 24),
        ([(64, 128), (16, 64), (16, 64)], 2),
        ([(48, 768)] * 3, 6),
        ([(96, 768)] * 3, 12),
        ([(192, 768)] * 3, 24),
        ([(200, 768)] * 3, 8),
        ([(192, 1024)] * 3, 16),
        ([(384, 384), (96, 384), (96, 384)], 12),
    ],
)
def test_relation_heads_are_the_papers_where_they_suit_the_widths(widths: list[tuple[int, int]], expected: int) -> None:
    assert choose_heads(widths) == expected


@pytest.mark.parametrize(
    ("widths", "relation_heads", "message"),
    [
        ([(100, 768)] * 3, 48, "48 relation heads do not divide the widths 100 of the student and 768 of the teacher: "
         "what divides both is 1, 2, 4"),
        ([(32, 32), (16, 32), (16, 32)], 32, r"32 and 32 of queries, 16 and 32 of keys.* 1, 2, 4, 8, 16"),
        ([(33, 32)] * 3, None, "no number of relation heads but 1 divides the widths 33 of the student and 32"),
    ],
)  # fmt: skip
def test_widths_that_relation_heads_do_not_divide_are_named_with_what_divides(
    widths: list[tuple[int, int]], relation_heads: int | None, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        choose_heads(widths, relation_heads)


def test_what_is_compared_is_said() -> None:
    teacher = make_model()
    assert told_relations(teacher, teacher, 8, 1) == "8 relation heads, from layer 1 of the teacher's 4, from 0"
    found = told_relations(make_model(hidden_size=24), teacher)
    assert found.startswith("2 relation heads (48 do not divide the widths 24 of the student and 32 of the teacher)")
    narrow = told_relations(make_model(hidden_size=48), make_model(hidden_size=96))
    assert narrow.startswith("6 relation heads (48 leave a head too few components of the widths 48 of the student and")


def test_models_that_cannot_be_compared_are_refused_before_any_pass() -> None:
    student, teacher = make_model(hidden_size=24, num_hidden_layers=2), make_model()
    check_relations(student, teacher, relation_heads=8)
    with pytest.raises(UsageError, match="3 relation heads do not divide the widths 24 of the student and 32"):
        check_relations(student, teacher, relation_heads=3)
    with pytest.raises(UsageError, match="the teacher has 4 layers, 0 to 3, and no layer 4"):
        check_relations(student, teacher, layer=4)


@pytest.mark.filterwarnings("ignore:model type 'gpt2'")
def test_a_model_without_known_projections_is_refused_by_name() -> None:
    assert "gpt2" in TINY
    with pytest.raises(DataError, match=r"GPT2.* has no module known to give queries"):
        check_relations(make_model("gpt2"), make_model("gpt2"))


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("relations(label)", UsageError, r"write relations\(teacher\); a column holds scores alone"),
        ("relations()", UsageError, "relations takes 1 column"),
        ("relations(teacher, relation_heads=0)", UsageError, "relation_heads of relations must be at least 1"),
        ("relations(teacher, layer=1.5)", UsageError, "layer of relations must be a whole number"),
        (
            "relations(teacher, heads=4)",
            UnknownNameError,
            "unknown setting of relations 'heads'.* layer, relation_heads",
        ),
        ("relations(teacher, head=other)", UsageError, "which no head changes"),
        (
            "relations(teacher, layer=0) + relations(teacher, layer=2)",
            UsageError,
            r"has relations\(teacher\) with two sets of settings, expected one",
        ),
    ],
)
def test_objectives_that_cannot_be_meant_are_refused(text: str, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        Objective.parse(text)


def test_an_objective_says_what_it_reads() -> None:
    objective = Objective.parse("relations(teacher, relation_heads=4, layer=2)")
    assert str(objective) == "relations(teacher, relation_heads=4, layer=2)"
    assert objective.teacher_layer(6) == 2
    assert objective.reads_relations_alone
    assert not objective.sees_all_at_once
    assert not objective.trains_own_head
    both = Objective.parse("kl(teacher) + relations(teacher)")
    assert not both.reads_relations_alone
    assert both.teacher_layer(24) == 18
    assert get_loss("relations").reads == ("relations",)
