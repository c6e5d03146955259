"""Dropout that is fast on a CPU, in place of torch's while a model trains."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from rankdistill.models.first_token import replaced_forward
from rankdistill.models.kernels.dropout import drop, drop_bfloat16

BITS = 2**32


@dataclass(frozen=True)
class Mask:
    """A dropout mask, of any size: the words that it is computed from, in the order in which kernels take them."""

    key: np.uint32
    second_key: np.uint32
    dropped: np.uint32
    scale: np.float32

    @classmethod
    def draw(cls, p: float) -> Mask:
        """Draw a mask that drops a share ``p``, from 0 to below 1, from torch's generator, which checkpoints keep."""
        key, second_key = torch.randint(0, BITS, (2,)).tolist()
        return cls(np.uint32(key), np.uint32(second_key), np.uint32(min(round(p * BITS), BITS - 1)), _scale(p))

    @property
    def words(self) -> tuple[np.uint32, np.uint32, np.uint32, np.float32]:
        """What kernels take."""
        return self.key, self.second_key, self.dropped, self.scale

    def of(self, values: Tensor) -> Tensor:
        """Values of a CPU, float32 or bfloat16 of any shape, over 1 - p where the mask keeps them, else 0."""
        flat = values.detach().contiguous().view(-1)
        out = torch.empty_like(flat)
        if values.dtype == torch.float32:
            drop(flat.numpy(), out.numpy(), *self.words)
        else:
            drop_bfloat16(flat.view(torch.uint16).numpy(), out.view(torch.uint16).numpy(), *self.words)
        return out.view(values.shape)


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor, mask: Mask) -> Tensor:
        ctx.mask = mask
        return mask.of(values)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return ctx.mask.of(gradient), None


def dropout(values: Tensor, p: float) -> Tensor:
    """Zero a share ``p`` of the values at random, and divide the others by 1 - p: torch's, by other random numbers.

    Values that are on a GPU, or neither float32 nor bfloat16, are torch's own to drop.
    """
    if not 0 < p < 1 or values.device.type != "cpu" or values.dtype not in (torch.float32, torch.bfloat16):
        return functional.dropout(values, p)
    dropped: Tensor = _Dropout.apply(values, Mask.draw(p))
    return dropped


@contextmanager
def fast_dropout(model: nn.Module) -> Iterator[None]:
    """Compute the model's dropout layers by `dropout` inside the block, while they are in training mode."""
    with ExitStack() as stack:
        for module in model.modules():
            if type(module) is nn.Dropout:
                stack.enter_context(replaced_forward(module, _forward))
        yield


def _forward(layer: nn.Dropout, values: Tensor) -> Tensor:
    return dropout(values, layer.p) if layer.training else values


def _scale(p: float) -> np.float32:
    return np.float32(1 / (1 - p))
