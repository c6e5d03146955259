"""Weights that begin where torch would place them."""

from __future__ import annotations

from itertools import chain

from torch import nn

CACHE_LINE = 64
"""Bytes; where torch places a new tensor on a CPU is a multiple of it."""


def aligned(model: nn.Module) -> nn.Module:
    """Move weights that begin within a cache line to memory of their own, and return the model.

    A file of weights is mapped into memory as it is written, and a product's rounding depends on where its factors
    begin: a model that was saved and loaded would have other scores, by 1e-7 of their size, than the one in memory.
    """
    for weight in chain(model.parameters(), model.buffers()):
        if weight.device.type == "cpu" and weight.data_ptr() % CACHE_LINE:
            weight.data = weight.data.clone()
    return model
