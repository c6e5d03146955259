"""The torch engine: runs a classification model over padded batches, in float32 or bfloat16 where that is faster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from rankdistill.errors import UnknownNameError
from rankdistill.models.first_token import first_token_only

DTYPES: dict[str, torch.dtype] = {"float32": torch.float32, "bfloat16": torch.bfloat16}


class TorchEngine:
    """Logits of padded batches by torch, on the GPU where there is one.

    model: a transformers classification model; it is moved to the device and shared, so that its weights can change
    between calls. dtype: None or "float32" (exact), "bfloat16", or "auto": bfloat16 where the processor has it.
    In bfloat16 the encoder runs under autocast (within 3 % of the speed of weights cast for good, without a second
    copy) and the head in float32, as logits rounded to 8 bits would tie candidates that are not equal.
    """

    name = "torch"

    def __init__(self, model: Any, dtype: str | None = None) -> None:
        self.device = default_device()
        self.dtype = resolve_dtype(dtype, self.device)
        self.model = model.to(self.device)

    @property
    def identity(self) -> str:
        """All of the engine that can change a score's bits: library and version, device, dtype."""
        return f"torch {torch.__version__} {self.device.type} {self.dtype}"

    def logits(self, batch: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """Compute logits float32 (B, n_logits) of a batch of int64 (B, length) arrays, in eval mode."""
        inputs = {name: torch.from_numpy(values).to(self.device) for name, values in batch.items()}
        with evaluating(self.model), torch.inference_mode(), first_token_only(self.model), self._precision():
            logits = self.model(**inputs).logits
        return logits.float().cpu().numpy()

    @contextmanager
    def _precision(self) -> Iterator[None]:
        if self.dtype == "float32":
            yield
            return
        with float32_head(self.model), torch.autocast(self.device.type, DTYPES[self.dtype]):
            yield


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


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device multiplies bfloat16 matrices in hardware."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


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


def head_of(model: Any) -> nn.Linear:
    """The linear layer that makes the logits: the last one with ``num_labels`` outputs."""
    return [m for m in model.modules() if isinstance(m, nn.Linear) and m.out_features == model.config.num_labels][-1]


@contextmanager
def float32_head(model: Any) -> Iterator[None]:
    """Compute the model's logits in float32 inside the block, also under autocast."""
    head = head_of(model).register_forward_hook(_in_float32)
    try:
        yield
    finally:
        head.remove()


def _in_float32(head: nn.Linear, inputs: tuple[torch.Tensor, ...], _output: torch.Tensor) -> torch.Tensor:
    """Forward hook that replaces a linear layer's output by the same computed in float32."""
    with torch.autocast(inputs[0].device.type, enabled=False):
        bias = None if head.bias is None else head.bias.float()
        return F.linear(inputs[0].float(), head.weight.float(), bias)
