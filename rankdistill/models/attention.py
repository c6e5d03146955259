"""Attention whose gradients are fast on a CPU: torch's kernel in float32, whatever else the model computes in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "sdpa_float32"


def sdpa_float32(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **options: Any
) -> tuple[Tensor, None]:
    """Scaled dot product attention in float32, under the signature of transformers' attention functions."""
    with torch.autocast(query.device.type, enabled=False):
        if mask is not None and mask.is_floating_point():
            mask = mask.float()
        output, weights = sdpa_attention_forward(module, query.float(), key.float(), value.float(), mask, **options)
    return output.to(query.dtype), weights


@cache
def _register() -> None:
    """Make the function known to transformers by its name."""
    AttentionInterface.register(NAME, sdpa_float32)
    AttentionMaskInterface.register(NAME, sdpa_mask)


@contextmanager
def float32_attention(model: Any) -> Iterator[None]:
    """Compute a model's attention in float32 inside the block, where it is on a CPU and uses torch's kernel.

    Under bfloat16 autocast the gradient of that kernel takes longer on a CPU than all matrix products of its layer;
    in float32 it takes a fraction, and memory still grows with the length and not its square.
    """
    usual = model.config._attn_implementation
    if usual != "sdpa" or model.device.type != "cpu":
        yield
        return
    _register()
    model.set_attn_implementation(NAME)
    try:
        yield
    finally:
        model.set_attn_implementation(usual)
