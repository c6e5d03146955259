"""Whether a model's weights changed since something was made of them: a cast or exported copy, a computed prompt."""

from __future__ import annotations

from typing import Any

from torch.autograd.graph import increment_version
from torch.optim import Optimizer
from torch.optim.optimizer import register_optimizer_step_post_hook


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
