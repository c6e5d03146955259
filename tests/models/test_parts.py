"""forward_parts: parts of a batch in one row of tokens give what each gives alone, and the same gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from tiny import FAMILIES, lively
from torch import Tensor

from rankdistill.models import parts as parts_module
from rankdistill.models.attention import float32_attention
from rankdistill.models.companions import beside, heads
from rankdistill.models.dropout import fast_dropout
from rankdistill.models.families import FAMILIES as ROWS
from rankdistill.models.families import layers_of
from rankdistill.models.outputs import OWN, Outputs, forward
from rankdistill.models.pack import Pack
from rankdistill.models.parts import can_take_packs, forward_parts, takes_packs
from rankdistill.models.shared_encoder import speaking_as

PACKED = ["bert", "roberta", "xlm-roberta", "camembert", "electra"]
LENGTHS = [[20, 18, 11], [7, 5, 5, 3], [2, 2]]
READS = [
    ("logits",),
    ("pooled",),
    ("hidden",),
    ("hidden before the last", "logits"),
    ("queries", "keys", "values", "hidden"),
    ("relations",),
]


def make_parts(model: Any) -> list[dict[str, Tensor]]:
    """Three parts of unequal numbers and lengths, the last without padding."""
    random, parts = torch.Generator().manual_seed(0), []
    for lengths in LENGTHS:
        mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
        ids = torch.randint(5, 40, mask.shape, generator=random)
        ids[0, 1] = model.config.pad_token_id  # as where a text holds its name
        parts.append({"input_ids": ids.where(mask, model.config.pad_token_id), "attention_mask": mask.long()})
    return parts


def one_by_one(
    model: Any, parts: Sequence[dict[str, Tensor]], reads: Any, at: Sequence[Tensor] | None = None, **options: Any
) -> list[Outputs]:
    each = at if at is not None else [None] * len(parts)
    return [forward(model, part, reads, at=one, **options) for part, one in zip(parts, each, strict=True)]


def tensors(outputs: Outputs, at: Tensor | None = None) -> Iterator[Tensor]:
    """All that was read, of tokens that are no padding, or of chosen ones of the last layer."""
    yield from outputs.logits.values()
    if outputs.pooled is not None:
        yield outputs.pooled
    *before, last = outputs.hidden or (None,)
    of_tokens = [*before, *outputs.queries, *outputs.keys, *outputs.values, *(outputs.related or ())]
    yield from (each[outputs.tokens] for each in of_tokens)
    if last is not None:
        chosen = outputs.tokens if at is None else at
        yield last[chosen] if last.shape[1] == chosen.shape[1] else last[:, 0]


def gradients(model: Any, run: Callable[[], list[Outputs]], at: Sequence[Tensor] | None) -> tuple[Tensor, list[Tensor]]:
    model.zero_grad()
    each = at if at is not None else [None] * len(LENGTHS)
    read = [tensor for outputs, one in zip(run(), each, strict=True) for tensor in tensors(outputs, one)]
    sum(tensor.float().pow(2).mean() for tensor in read).backward()  # type: ignore[union-attr]
    slopes = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
    return torch.cat(slopes), [tensor.detach() for tensor in read]


@contextmanager
def training_on_a_cpu(model: Any) -> Iterator[None]:
    with float32_attention(model), fast_dropout(model):
        yield


@pytest.mark.parametrize("reads", READS)
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.filterwarnings("ignore:model type 'gpt2'")
def test_parts_give_what_they_give_one_by_one_and_the_same_gradients(family: str, reads: tuple[str, ...]) -> None:
    row = ROWS.get(family)
    if {"queries", "relations"} & set(reads) and (row is None or row.queries is None):
        pytest.skip(f"{family} has no projections that are known")
    model = lively(family)
    parts = make_parts(model)
    with training_on_a_cpu(model):
        assert takes_packs(model) is (family in PACKED)
        slope, expected = gradients(model, lambda: one_by_one(model, parts, reads), None)
        packed, given = gradients(model, lambda: forward_parts(model, parts, reads), None)
    for one, other in zip(given, expected, strict=True):
        torch.testing.assert_close(one, other, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(packed, slope, atol=1e-4 * float(slope.abs().max()), rtol=1e-3)


@pytest.mark.parametrize("family", PACKED)
def test_chosen_tokens_and_heads_beside_the_model_are_read_alike(family: str) -> None:
    model = lively(family)
    parts = make_parts(model)
    random = torch.Generator().manual_seed(1)
    chosen = [
        part["attention_mask"].bool() & (torch.rand(part["input_ids"].shape, generator=random) < 0.3) for part in parts
    ]
    with training_on_a_cpu(model), beside(model, heads(model, {"expert": 3})):
        options: dict[str, Any] = {"heads": ("expert",), "at": chosen}
        slope, expected = gradients(model, lambda: one_by_one(model, parts, ("hidden",), **options), chosen)
        packed, given = gradients(model, lambda: forward_parts(model, parts, ("hidden",), **options), chosen)
    for one, other in zip(given, expected, strict=True):
        torch.testing.assert_close(one, other, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(packed, slope, atol=1e-4 * float(slope.abs().max()), rtol=1e-3)


def test_in_bfloat16_they_are_as_near_to_float32_as_one_by_one() -> None:
    model = lively("bert", num_labels=2)
    parts = make_parts(model)
    with training_on_a_cpu(model):
        exact, _ = gradients(model, lambda: one_by_one(model, parts, ("logits",)), None)
        usual, _ = gradients(model, lambda: one_by_one(model, parts, ("logits",), dtype="bfloat16"), None)
        packed, _ = gradients(model, lambda: forward_parts(model, parts, dtype="bfloat16"), None)
    assert 0 < (packed - exact).norm() < 1.5 * (usual - exact).norm()


def test_dropout_is_drawn_anew_and_keeps_the_mean() -> None:
    model = lively("bert").train()
    parts = make_parts(model)
    with training_on_a_cpu(model), torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        whole = [torch.cat([part.logits[OWN] for part in forward_parts(model, parts)]) for _ in range(100)]
        alone = [torch.cat([part.logits[OWN] for part in one_by_one(model, parts, ("logits",))]) for _ in range(100)]
    ours, usual = torch.stack(whole), torch.stack(alone)
    assert (ours.std(dim=0) > 0).all()
    error = (ours.var(dim=0) + usual.var(dim=0)).div(100).sqrt()
    assert ((ours.mean(dim=0) - usual.mean(dim=0)).abs() < 5 * error).all()
    torch.testing.assert_close(ours.std(dim=0).mean(), usual.std(dim=0).mean(), rtol=0.2, atol=0)


def test_one_part_and_a_model_that_scores_go_the_usual_way(monkeypatch: pytest.MonkeyPatch) -> None:
    model = lively("bert")
    parts = make_parts(model)
    monkeypatch.setattr(parts_module, "Pack", None)
    with torch.no_grad():
        forward_parts(model, parts)
        with training_on_a_cpu(model):
            forward_parts(model, parts[:1])
            with pytest.raises(TypeError):
                forward_parts(model, parts)


def test_a_last_layer_that_is_more_than_its_weights_attends_by_its_modules() -> None:
    model = lively("bert")
    parts = make_parts(model)
    value: Any = layers_of(model)[-1].get_submodule("attention.self.value")
    handle = value.register_forward_hook(lambda _module, _inputs, output: output * 2)
    with training_on_a_cpu(model):
        slope, [*expected] = gradients(model, lambda: one_by_one(model, parts, ("logits",)), None)
        packed, [*given] = gradients(model, lambda: forward_parts(model, parts), None)
    handle.remove()
    torch.testing.assert_close(given, expected, atol=2e-5, rtol=1e-4)
    torch.testing.assert_close(packed, slope, atol=1e-4 * float(slope.abs().max()), rtol=1e-3)


def test_models_that_cannot_take_packs_are_known_before_they_train() -> None:
    model, other = lively("bert"), lively("bert", num_labels=3)
    assert can_take_packs(model)
    with training_on_a_cpu(model), speaking_as(model, other):
        assert takes_packs(model), "the encoder is the same, whatever head it speaks by"
    model.set_attn_implementation("eager")
    assert not can_take_packs(model)


def test_a_pack_knows_where_its_pairs_are() -> None:
    pack = Pack([torch.ones(3, 4, dtype=torch.bool), torch.tensor([[True, False], [True, True]])])
    assert pack.first.tolist() == [0, 4, 8, 12, 14]
    row = torch.arange(16)[None]
    assert [part.tolist() for part in pack.split(row)] == [row[0, :12].view(3, 4).tolist(), [[12, 13], [14, 15]]]
    assert torch.equal(pack.row(pack.split(row)), row)
    assert [part.tolist() for part in pack.split_pairs(torch.arange(5))] == [[0, 1, 2], [3, 4]]
    assert pack.padded[0] is None
    assert pack.padded[1].shape == (2, 1, 1, 2)
