"""Attention whose gradients are fast on a CPU: in float32, whatever else the model computes in, dropout included."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from rankdistill.models.dropout import Mask
from rankdistill.models.kernels.softmax import softmax_dropout, softmax_dropout_backward
from rankdistill.models.pack import Pack

NAME = "sdpa_float32"


def sdpa_float32(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **options: Any
) -> tuple[Tensor, None]:
    """Scaled dot product attention in float32, under the signature of transformers' attention functions.

    torch's kernel has no dropout: with it torch goes through a matrix of scores and its random numbers, here that is
    done in one pass by a kernel of our own. An option ``pack``, a `Pack`, says where pairs are in the one row of the
    inputs, (1, heads, T, size).
    """
    pack: Pack | None = options.pop("pack", None)
    with torch.autocast(query.device.type, enabled=False):
        if mask is not None and mask.is_floating_point():
            mask = mask.float()
        query_, key_, value_ = query.float(), key.float(), value.float()
        if pack is None:
            output = _attend(module, query_, key_, value_, mask, options)
        else:
            parts = zip(*(_pairs(pack, each) for each in (query_, key_, value_)), pack.padded, strict=True)
            output = pack.row([_attend(module, q, k, v, padded, options) for q, k, v, padded in parts])
    return output.to(query.dtype), None


def _pairs(pack: Pack, row: Tensor) -> list[Tensor]:
    """Each part's (pairs, heads, length, size) of a row, (1, heads, T, size)."""
    return [part.transpose(1, 2) for part in pack.split(row.transpose(1, 2))]


def _attend(
    module: nn.Module, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, options: dict[str, Any]
) -> Tensor:
    """Attention of float32 (B, heads, L, size), as (B, L, heads, size)."""
    p, scaling = options.get("dropout") or 0.0, options.get("scaling")
    if 0 < p < 1 and _is_plain(module, mask, options):
        scaling = query.shape[-1] ** -0.5 if scaling is None else scaling
        attended: Tensor = _Attention.apply(query, key, value, _bias(mask, key.shape[-2]), scaling, Mask.draw(p))
        return attended.transpose(1, 2)
    output, _none = sdpa_attention_forward(module, query, key, value, mask, **options)
    return output


class _Attention(torch.autograd.Function):
    """softmax(scaling·QKᵀ + bias), dropout, and the product with V; float32 (B, heads, L, size), of a CPU."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, bias: Tensor, scaling: float, mask: Mask
    ) -> Tensor:
        softmax = (query @ key.transpose(-1, -2)).contiguous()
        dropped = torch.empty_like(softmax)
        softmax_dropout(softmax.numpy(), dropped.numpy(), bias.numpy(), np.float32(scaling), *mask.words)
        ctx.save_for_backward(query, key, value, softmax, dropped)
        ctx.scaling, ctx.mask = scaling, mask
        return dropped @ value

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, softmax, dropped = ctx.saved_tensors
        of_scores = (gradient @ value.transpose(-1, -2)).contiguous()
        softmax_dropout_backward(of_scores.numpy(), softmax.numpy(), np.float32(ctx.scaling), *ctx.mask.words)
        of_key = of_scores.transpose(-1, -2) @ query
        return of_scores @ key, of_key, dropped.transpose(-1, -2) @ gradient, None, None, None


def _is_plain(module: Any, mask: Tensor | None, options: dict[str, Any]) -> bool:
    """Whether nothing but a mask that is the same for all heads is asked for."""
    stated = options.get("is_causal")
    causal = mask is None and (getattr(module, "is_causal", True) if stated is None else stated)
    grouped = getattr(module, "num_key_value_groups", 1) > 1
    further = any(options.get(name) is not None for name in ("position_bias", "cache", "softcap", "s_aux"))
    return not causal and not grouped and not further and (mask is None or (mask.dim() == 4 and mask.shape[1] == 1))


def _bias(mask: Tensor | None, n_keys: int) -> Tensor:
    """What is added to the scores, float32 (B or 1, Q or 1, K), the lowest number where a token is not to be seen."""
    if mask is None:
        return torch.zeros(1, 1, n_keys)
    mask = mask[:, 0]
    if mask.stride(1) == 0:  # the same for every query
        mask = mask[:, :1]
    if mask.dtype == torch.bool:
        return torch.zeros(mask.shape).masked_fill_(~mask, torch.finfo(torch.float32).min)
    return mask.contiguous()


@cache
def _register() -> None:
    """Make the function known to transformers by its name."""
    AttentionInterface.register(NAME, sdpa_float32)
    AttentionMaskInterface.register(NAME, sdpa_mask)


@contextmanager
def float32_attention(model: Any) -> Iterator[None]:
    """Compute a model's attention in float32 inside the block, where it is on a CPU and uses torch's kernel.

    Under bfloat16 autocast the gradient of that kernel takes longer on a CPU than all matrix products of its layer;
    in float32 it takes a fraction. Without dropout memory grows with the length and not its square.
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
