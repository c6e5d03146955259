"""float32_attention: the same attention, nearer to float32 under autocast, dropout included, and taken back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny import make_model

from rankdistill.models.attention import NAME, float32_attention, sdpa_float32
from rankdistill.models.dropout import Mask, fast_dropout
from rankdistill.models.kernels.softmax import exp_below_0, softmax_dropout


@pytest.fixture
def model(tiny):
    return tiny.model.eval()


@pytest.fixture
def inputs(tiny, pairs):
    return tiny.tokenizer(*map(list, zip(*pairs, strict=True)), padding=True, truncation=True, return_tensors="pt")


def gradient(model, inputs, *, autocast):
    model.zero_grad()
    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        loss = model(**inputs).logits.float().pow(2).sum()
    loss.backward()
    return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])


def test_logits_and_gradients_are_those_of_the_usual_kernel(model, inputs):
    expected, exact = model(**inputs).logits.detach(), gradient(model, inputs, autocast=False)
    with float32_attention(model):
        assert model.config._attn_implementation == NAME
        torch.testing.assert_close(model(**inputs).logits.detach(), expected, rtol=0, atol=0)
        torch.testing.assert_close(gradient(model, inputs, autocast=False), exact, rtol=0, atol=0)


def test_under_autocast_gradients_keep_to_those_of_float32(model, inputs):
    exact, usual = gradient(model, inputs, autocast=False), gradient(model, inputs, autocast=True)
    with float32_attention(model):
        ours = gradient(model, inputs, autocast=True)
    errors = [float((g - exact).norm() / exact.norm()) for g in (ours, usual)]
    assert errors[0] < 0.05
    assert errors[0] < 1.5 * errors[1]


def test_the_usual_kernel_is_back_afterwards_also_after_an_error(model):
    with pytest.raises(RuntimeError, match="stop"), float32_attention(model):
        raise RuntimeError("stop")
    assert model.config._attn_implementation == "sdpa"


def test_a_model_with_another_attention_is_left_alone(model, inputs):
    model.set_attn_implementation("eager")
    with float32_attention(model):
        assert model.config._attn_implementation == "eager"
        assert np.isfinite(model(**inputs).logits.detach().numpy()).all()


class WithoutDecoder(torch.nn.Module):
    """What an attention function asks of its module."""

    is_causal = False


def heads(n_texts: int, n_queries: int, n_keys: int, dtype: torch.dtype) -> list[torch.Tensor]:
    """Queries, keys and values of 3 heads, which are views of (B, L, heads, size) as transformers makes them."""
    lengths = (n_queries, n_keys, n_keys)
    return [torch.randn(n_texts, n, 3, 8).to(dtype).transpose(1, 2).requires_grad_() for n in lengths]


MASKS = {
    "none": lambda b, q, k: None,
    "padding": lambda b, q, k: (torch.arange(k) < torch.arange(k - b + 1, k + 1)[:, None])[:, None, None].expand(
        b, 1, q, k
    ),
    "each query": lambda b, q, k: torch.rand(b, 1, q, k).index_fill(3, torch.tensor([0]), 1.0) > 0.4,
    "added": lambda b, q, k: torch.randn(b, 1, q, k),
}


@pytest.mark.parametrize("n_queries", [1, 9])
@pytest.mark.parametrize("kind", MASKS)
def test_with_dropout_it_is_what_is_written_out_for_the_same_mask(kind, n_queries, monkeypatch):
    torch.manual_seed(0)
    p, drawn = 0.3, Mask.draw(0.3)
    monkeypatch.setattr(Mask, "draw", lambda _p: drawn)
    query, key, value = heads(4, n_queries, 9, torch.float32)
    mask = MASKS[kind](4, n_queries, 9)
    ours, _ = sdpa_float32(WithoutDecoder(), query, key, value, mask, dropout=p, scaling=0.4)

    scores = 0.4 * query @ key.transpose(-1, -2)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
    factors = drawn.of(torch.ones_like(scores))  # 0 or 1 / (1 - p)
    assert set(factors.unique().tolist()) == {0.0, float(np.float32(1 / (1 - p)))}
    written_out = ((scores.softmax(-1) * factors) @ value).transpose(1, 2)
    torch.testing.assert_close(ours, written_out, atol=1e-6, rtol=1e-5)
    weights = torch.randn_like(written_out)
    gradients = [torch.autograd.grad(result, [query, key, value], weights) for result in (ours, written_out)]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


def test_with_dropout_the_mean_is_that_without(monkeypatch):
    torch.manual_seed(0)
    inputs = heads(2, 5, 5, torch.float32)
    exact, _ = sdpa_float32(WithoutDecoder(), *inputs, None, dropout=0.0)
    with torch.no_grad():
        drawn = torch.stack([sdpa_float32(WithoutDecoder(), *inputs, None, dropout=0.5)[0] for _ in range(4000)])
    error = drawn.std(0) / 4000**0.5
    assert ((drawn.mean(0) - exact).abs() / error).max() < 5


@pytest.mark.parametrize(
    "options", [{"is_causal": True}, {"position_bias": torch.zeros(1, 3, 5, 5)}], ids=["causal", "positions"]
)
def test_what_the_kernel_does_not_know_is_left_to_torch(options, monkeypatch):
    monkeypatch.setattr("rankdistill.models.attention._Attention.apply", None)
    inputs = heads(2, 5, 5, torch.float32)
    result, _ = sdpa_float32(WithoutDecoder(), *inputs, None, dropout=0.5, **options)
    assert result.shape == (2, 5, 3, 8)


def test_exp_of_the_kernel_is_exact_to_two_units_in_the_last_place():
    values = -np.concatenate([np.linspace(0, 60, 20_001), np.geomspace(1e-6, 1, 5_001)]).astype(np.float32)
    ours = np.array([exp_below_0(value) for value in values], np.float64)
    exact = np.exp(values.astype(np.float64))
    assert (np.abs(ours - exact) / exact).max() < 2 * 2.0**-23
    assert [exp_below_0(np.float32(value)) for value in (-60.001, -88, -3e38, -np.inf)] == [0, 0, 0, 0]


@pytest.mark.parametrize("place", [0, 1, 3])
def test_a_score_that_is_not_a_number_makes_its_whole_row_so(place: int) -> None:
    scores, out = np.zeros((1, 1, 2, 4), np.float32), np.empty((1, 1, 2, 4), np.float32)
    scores[0, 0, 0, place] = np.nan
    none, one = np.uint32(0), np.float32(1)
    softmax_dropout(scores, out, np.zeros((1, 1, 4), np.float32), one, none, none, none, one)
    assert np.isnan(out[0, 0, 0]).all()
    np.testing.assert_allclose(out[0, 0, 1], 0.25)


def test_a_token_that_is_masked_has_no_share_and_no_gradient():
    """Not even a subnormal one: they make products of float32 several times slower."""
    torch.manual_seed(0)
    query, key, value = heads(4, 9, 9, torch.float32)
    mask = MASKS["padding"](4, 9, 9)
    ours, _ = sdpa_float32(WithoutDecoder(), query, key, value, mask, dropout=0.1)
    of_key, of_value = torch.autograd.grad(ours, [key, value], torch.randn_like(ours))
    hidden = ~mask[:, 0, 0]
    assert hidden.any()
    for gradient_of in (of_key, of_value):
        assert not gradient_of.transpose(1, 2)[hidden].any()
        assert gradient_of.transpose(1, 2)[~hidden].abs().min() > torch.finfo(torch.float32).tiny


@pytest.mark.parametrize("family", ["bert", "distilbert", "roberta", "electra", "modernbert", "mpnet"])
def test_a_model_with_dropout_trains_by_it(family):
    settings = {"modernbert": {"attention_dropout": 0.2}}.get(family, {})
    model = make_model(family, **settings).train()
    ids = torch.arange(4, 24).reshape(2, 10)
    mask = torch.ones_like(ids)
    mask[1, 6:] = 0
    with float32_attention(model), fast_dropout(model):
        torch.manual_seed(0)
        first = model(input_ids=ids, attention_mask=mask).logits
        torch.manual_seed(0)
        again = model(input_ids=ids, attention_mask=mask).logits
        other = model(input_ids=ids, attention_mask=mask).logits
        other.sum().backward()
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert all(torch.isfinite(weight.grad).all() for weight in model.parameters() if weight.grad is not None)
