"""Dropout of our own: as many zeros as asked for, independent of each other, and resumable."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rankdistill.models.dropout import Mask, dropout, fast_dropout

N = 400_000
DTYPES = [torch.float32, torch.bfloat16]


def dropped(p: float, n: int = N) -> Tensor:
    """1 where a value is dropped, float64 (n,)."""
    return (dropout(torch.ones(n), p) == 0).double()


@pytest.mark.parametrize("p", [0.01, 0.1, 0.5, 0.9])
def test_the_share_of_dropped_values_is_the_one_asked_for(p: float) -> None:
    torch.manual_seed(0)
    assert abs(dropped(p).mean() - p) < 5 * (p * (1 - p) / N) ** 0.5


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_neighbours_are_dropped_independently(p: float) -> None:
    torch.manual_seed(1)
    deviation = dropped(p) - p
    for apart in (1, 2, 3, 32, 384, 1 << 16):
        correlation = (deviation[apart:] * deviation[:-apart]).mean() / (p * (1 - p))
        assert abs(correlation) < 5 / N**0.5, apart


def test_masks_drawn_after_each_other_are_independent_and_no_shifts_of_each_other() -> None:
    torch.manual_seed(2)
    first, *others = (dropped(0.5, 1 << 16) - 0.5 for _ in range(4))
    for other in others:
        at_every_shift = torch.fft.irfft(torch.fft.rfft(first).conj() * torch.fft.rfft(other), n=1 << 16) / (1 << 14)
        assert at_every_shift.abs().max() < 7 / (1 << 16) ** 0.5


def test_every_unit_of_a_layer_is_dropped_as_often() -> None:
    torch.manual_seed(3)
    n_rows, p = 20_000, 0.1
    counts = (dropout(torch.ones(n_rows, 64), p) == 0).sum(0)
    statistic = ((counts - n_rows * p) ** 2 / (n_rows * p * (1 - p))).sum()
    assert 30 < statistic < 115, "chi-square of 64 degrees of freedom"


@pytest.mark.parametrize("dtype", DTYPES)
def test_kept_values_and_their_gradients_are_scaled_as_torch_scales_them(dtype: torch.dtype) -> None:
    torch.manual_seed(4)
    values = (torch.randn(300, 7) + 9).to(dtype).requires_grad_()
    result = dropout(values, 0.25)
    kept = result != 0
    assert result.dtype == dtype
    expected = (values.detach().float() * torch.tensor(1 / 0.75)).to(dtype)
    assert torch.equal(result[kept], expected[kept])
    weights = torch.randn(300, 7).to(dtype)
    (gradient,) = torch.autograd.grad(result, [values], weights)
    scaled = (weights.float() * torch.tensor(1 / 0.75)).to(dtype)
    assert torch.equal(gradient, torch.where(kept, scaled, torch.zeros_like(scaled)))


@pytest.mark.parametrize("dtype", DTYPES)
def test_values_that_do_not_lie_in_one_piece_are_taken_in_their_order(dtype: torch.dtype) -> None:
    values = torch.randn(6, 5).to(dtype)
    mask = Mask.draw(0.5)
    assert torch.equal(mask.of(values.T), mask.of(values.T.contiguous()))
    assert torch.equal(mask.of(torch.ones(1, 5).to(dtype).expand(6, 5)), mask.of(torch.ones(6, 5).to(dtype)))


def test_the_state_of_torchs_generator_decides_the_masks() -> None:
    torch.manual_seed(5)
    dropout(torch.ones(8), 0.5)
    state = torch.get_rng_state()
    first = [dropout(torch.ones(100), 0.5) for _ in range(3)]
    torch.set_rng_state(state)
    again = [dropout(torch.ones(100), 0.5) for _ in range(3)]
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))
    assert not torch.equal(first[0], first[1])


@pytest.mark.parametrize(("p", "expected"), [(0.0, 1.0), (1.0, 0.0)])
def test_all_or_nothing_is_dropped_where_that_is_asked_for(p: float, expected: float) -> None:
    assert torch.equal(dropout(torch.ones(5), p), torch.full((5,), expected))


def test_layers_are_replaced_inside_the_block_in_training_mode_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[float] = []

    def counted(values: Tensor, p: float) -> Tensor:
        calls.append(p)
        return values

    monkeypatch.setattr("rankdistill.models.dropout.dropout", counted)
    model: Any = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.5), nn.Dropout(0.25))
    with fast_dropout(model):
        model(torch.ones(1, 4))
        assert calls == [0.5, 0.25]
        model.eval()(torch.ones(1, 4))
        assert calls == [0.5, 0.25]
    model.train()(torch.ones(1, 4))
    assert calls == [0.5, 0.25]
