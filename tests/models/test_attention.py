"""float32_attention: the same attention, nearer to float32 under autocast, and taken back."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rankdistill.models.attention import NAME, float32_attention


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
