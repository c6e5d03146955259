"""A copy of a classification model whose weights are in bfloat16, so that no product casts them anew."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from rankdistill.models.families import head_of
from rankdistill.models.precision import DTYPES


def cast_copy(model: Any, dtype: str) -> Any:
    """Return a model with the same modules whose weights are in a dtype of `DTYPES`, in eval mode and not for training.

    The head's weights are the model's own, as its logits are computed in float32, and so are buffers: some hold angles
    of positions, which bfloat16 has too few digits for.
    """
    own = {id(weight) for weight in head_of(model).parameters()}
    with torch.no_grad():
        known: dict[int, Any] = {
            id(weight): weight
            if id(weight) in own
            else nn.Parameter(weight.detach().to(DTYPES[dtype]), requires_grad=False)
            for weight in model.parameters()
        }
        known |= {id(buffer): buffer for buffer in model.buffers()}
        return copy.deepcopy(model, known).eval()
