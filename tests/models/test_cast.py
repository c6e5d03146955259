"""In bfloat16 torch computes by a copy of the weights, which is near to float32 and follows the model's own weights."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.stats import kendalltau
from tiny import FAMILIES, lively

from rankdistill.models.cast import cast_copy
from rankdistill.models.changes import state_of
from rankdistill.models.engines.by_torch import TorchEngine
from rankdistill.models.families import FAMILIES as ROWS
from rankdistill.models.families import head_of
from rankdistill.models.precision import computing_in, evaluating

KNOWN = sorted(set(FAMILIES) & set(ROWS))


def batch(rows: int = 30) -> dict[str, torch.Tensor]:
    ids = torch.randint(5, 40, (rows, 16), generator=torch.Generator().manual_seed(1))
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def arrays() -> dict[str, NDArray[np.int64]]:
    return {name: values.numpy() for name, values in batch().items()}


@pytest.mark.parametrize("family", KNOWN)
def test_logits_are_as_near_to_float32_as_those_of_autocast(family: str) -> None:
    model = lively(family)
    exact = TorchEngine(model).logits(arrays())
    with evaluating(model), torch.inference_mode(), computing_in(model, "bfloat16", torch.device("cpu")):
        autocast = model(**batch()).logits.float().numpy()
    engine = TorchEngine(model, "bfloat16")
    logits = engine.logits(arrays())
    assert engine.casts
    assert abs(logits - exact).mean() < 4 * abs(autocast - exact).mean() + 1e-6
    assert kendalltau(logits[:, 0], exact[:, 0]).statistic > 0.8


@pytest.mark.parametrize("family", KNOWN)
def test_a_copy_has_the_models_head_and_buffers_and_leaves_the_model_alone(family: str) -> None:
    model = lively(family)
    names = [name for name, _ in model.named_parameters()]
    other = cast_copy(model, "bfloat16")
    assert [name for name, _ in other.named_parameters()] == names
    head = {id(weight) for weight in head_of(model).parameters()}
    assert {id(weight) for weight in head_of(other).parameters()} == head
    assert {id(buffer) for buffer in other.buffers()} == {id(buffer) for buffer in model.buffers()}
    assert {weight.dtype for weight in other.parameters() if id(weight) not in head} == {torch.bfloat16}
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}
    assert all(weight.requires_grad for weight in model.parameters())


@pytest.mark.parametrize("place", ["bert.encoder.layer.0.output.dense.weight", "classifier.weight"])
def test_weights_that_changed_are_seen(place: str) -> None:
    model = lively("bert")
    engine = TorchEngine(model, "bfloat16")
    before = engine.logits(arrays())
    assert (engine.logits(arrays()) == before).all()
    with torch.no_grad():
        model.get_parameter(place).mul_(-1)
    after = engine.logits(arrays())
    assert abs(after - before).max() > 0.1
    assert (after == TorchEngine(model, "bfloat16").logits(arrays())).all()


@pytest.mark.parametrize("how", [{"fused": True}, {"foreach": True}, {"foreach": False}], ids=str)
@pytest.mark.parametrize("family", ["bert", "qwen3"])
def test_weights_that_any_optimizer_changed_are_seen(family: str, how: dict[str, bool]) -> None:
    model = lively(family)
    engine = TorchEngine(model, "bfloat16")
    before, state = engine.logits(arrays()), state_of(model)
    model(**batch()).logits.sum().backward()
    torch.optim.AdamW(model.parameters(), lr=0.01, **how).step()
    assert state_of(model) != state
    after = engine.logits(arrays())
    assert abs(after - before).max() > 0.1
    assert (after == TorchEngine(model, "bfloat16").logits(arrays())).all()
