"""A model that does not compute in bfloat16 is computed in float32, and that is said; or refused where it was asked."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from tiny import FAMILIES
from torch import nn

from rankdistill.errors import DataError
from rankdistill.models import CrossEncoder, probe
from rankdistill.models.probe import usable_dtype

Pairs = list[tuple[str, str]]
CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def with_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let "auto" be bfloat16 on whatever processor the tests run; autocast computes in it on all."""
    resolve = probe.resolve_dtype
    monkeypatch.setattr(
        probe, "resolve_dtype", lambda dtype, device: "bfloat16" if dtype == "auto" else resolve(dtype, device)
    )


class OtherUnderAutocast(nn.Module):
    """A layer that multiplies what it is given, but only under autocast."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return hidden * self.factor if torch.is_autocast_enabled("cpu") else hidden


@pytest.mark.parametrize("trains", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.filterwarnings("ignore:model type 'gpt2'")
def test_families_that_compute_in_bfloat16_do(family: str, trains: bool, tiny_model: Callable[..., Any]) -> None:
    model = tiny_model(family)
    random = torch.random.get_rng_state()
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*does not compute in")
        assert usable_dtype(model, "auto", CPU, trains=trains) == "bfloat16"
    assert torch.equal(random, torch.random.get_rng_state())
    assert all(weight.grad is None for weight in model.parameters())


def test_a_family_without_an_operation_is_computed_in_float32(
    tiny_model: Callable[..., Any], tiny_tokenizer: Any, pairs: Pairs
) -> None:
    model = tiny_model("deberta", type_vocab_size=2)
    with pytest.warns(UserWarning, match=r"does not compute in bfloat16 \(.*overflow\): computed in float32"):
        scores = CrossEncoder(model, tiny_tokenizer, dtype="auto").predict(pairs)
    np.testing.assert_array_equal(scores, CrossEncoder(model, tiny_tokenizer).predict(pairs))
    with pytest.raises(DataError, match=r"does not compute in bfloat16 .*: use float32"):
        CrossEncoder(model, tiny_tokenizer, dtype="bfloat16").predict(pairs)


def test_a_model_that_overflows_is_computed_in_float32(tiny_model: Callable[..., Any]) -> None:
    model = tiny_model()
    model.dropout = OtherUnderAutocast(float("inf"))
    with pytest.warns(UserWarning, match="its numbers overflow"):
        assert usable_dtype(model, "auto", CPU) == "float32"


def test_a_model_that_is_far_from_float32_is_computed_in_it(tiny_model: Callable[..., Any]) -> None:
    model = tiny_model()
    model.dropout = OtherUnderAutocast(1e4)
    with pytest.warns(UserWarning, match=r"logits differ by .* from float32's"):
        assert usable_dtype(model, "auto", CPU) == "float32"


def test_a_model_that_fails_in_float32_too_is_not_judged(tiny_model: Callable[..., Any]) -> None:
    model = tiny_model()
    model.config.eos_token_id = 10_000  # no token of it
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert usable_dtype(model, "auto", CPU) == "bfloat16"
