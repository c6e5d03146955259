"""In what precision a model computes: the device, its dtypes, and a head that stays in float32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from rankdistill.errors import UnknownNameError
from rankdistill.models.families import head_of

DTYPES: dict[str, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def default_device() -> torch.device:
    """The GPU where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def resolve_dtype(dtype: str | None, device: torch.device) -> str:
    """Name of the dtype to compute in; "auto" is bfloat16 where the device computes in it natively."""
    if dtype is None:
        return "float32"
    if dtype == "auto":
        return "bfloat16" if has_bfloat16(device) else "float32"
    if dtype not in DTYPES:
        raise UnknownNameError("dtype", dtype, [*DTYPES, "auto"])
    return dtype


def own_dtype(model: Any) -> str:
    """Name of the dtype of a model's weights, its head's aside: float32, or what it then computes in."""
    return str(model.get_input_embeddings().weight.dtype).removeprefix("torch.")


def reads_float32_alone(engine: str, dtype: str | None) -> bool:
    """Whether a computation needs weights in float32: it is asked for, or made by an export.

    Engine "auto" does not, as torch computes in what is stored.
    """
    return dtype in ("float32", "int8") or engine not in ("torch", "auto")


BFLOAT16 = ("avx512_bf16", "amx_bf16", "avx10_2")
"""What an x86 processor multiplies bfloat16 by. oneDNN says that it supports bfloat16 on all that have AVX-512, but
without one of these it takes five times as long as float32."""


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 matrices in hardware."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if not (torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()):
        return False
    ask = getattr(torch.cpu, "get_capabilities", dict)  # older versions of torch have none
    told: dict[str, Any] = ask()
    return told.get("architecture") != "x86_64" or any(told.get(name) for name in BFLOAT16)


@contextmanager
def computing_in(model: Any, dtype: str, device: torch.device) -> Iterator[None]:
    """Run a classification model in a dtype of `DTYPES` inside the block, its logits in float32.

    A model whose weights are in a lower precision computes in that, whatever is asked for, see `own_dtype`. There and
    in bfloat16 the encoder runs under autocast and the head in float32, as logits rounded to 8 bits tie candidates that
    are not equal. Weights in float32 are cast anew by every product, see `rankdistill.models.cast`.
    """
    if getattr(model, "dtype", torch.float32) != torch.float32:
        dtype = own_dtype(model)
    if dtype == "float32":
        yield
        return
    with head_in_float32(model), torch.autocast(device.type, getattr(torch, dtype)):
        yield


@contextmanager
def head_in_float32(model: Any) -> Iterator[None]:
    """Compute the head's linear map in float32 inside the block, unless a block around it does so already."""
    head = head_of(model)
    if _in_float32 in head._forward_hooks.values():
        yield
        return
    hook = head.register_forward_hook(_in_float32)
    try:
        yield
    finally:
        hook.remove()


@contextmanager
def evaluating(model: nn.Module) -> Iterator[None]:
    """Put the model into eval mode inside the block and back into the mode it had afterwards."""
    training = model.training
    if training:
        model.eval()
    try:
        yield
    finally:
        if training:
            model.train()


def _in_float32(head: nn.Linear, inputs: tuple[torch.Tensor, ...], _output: torch.Tensor) -> torch.Tensor:
    """Forward hook that replaces a linear layer's output by the same computed in float32."""
    with torch.autocast(inputs[0].device.type, enabled=False):
        bias = None if head.bias is None else head.bias.float()
        return F.linear(inputs[0].float(), head.weight.float(), bias)
