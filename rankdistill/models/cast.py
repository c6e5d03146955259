"""A copy of a classification model whose weights are in bfloat16, so that no product casts them anew."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn
from torch.autograd.graph import increment_version
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook

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


def _mark_changed(optimizer: Optimizer, _arguments: Any, _options: Any) -> None:
    """Count a change of every weight that an optimizer has stepped: fused ones change weights without counting it."""
    for group in optimizer.param_groups:
        for weight in group["params"]:
            if not weight.is_inference():
                increment_version(weight)


register_optimizer_step_post_hook(_mark_changed)


def state_of(model: Any) -> list[tuple[int, int]]:
    """Which tensors a model consists of, and how often each was changed; computed in microseconds."""
    return [(id(each), 0 if each.is_inference() else each._version) for each in (*model.parameters(), *model.buffers())]
