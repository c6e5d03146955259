"""Which weights of a student an objective does not train: they are kept out of its training.

Several processes ask for a gradient of every other weight that their forward pass meets.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from rankdistill.losses.registry import get_loss
from rankdistill.models.companions import NAME as COMPANIONS
from rankdistill.models.engines.trace import inputs_of, random_batch
from rankdistill.models.families import n_layers_of
from rankdistill.models.outputs import forward
from rankdistill.models.precision import default_device, evaluating
from rankdistill.models.weights import weights_beyond
from rankdistill.training.objective import ListOutputs, Objective


def unlearned(
    network: Any, objective: Objective, teacher: Any | None = None, *, only_companions: bool = False
) -> list[nn.Parameter]:
    """The weights of a transformers model that a training by an objective leaves as they are.

    teacher: the transformers model beside it, where a term compares insides. only_companions: nothing is trained but
    what is beside the model.
    """
    if only_companions:
        return [weight for name, weight in network.named_parameters() if not name.startswith(COMPANIONS)]
    if objective.trains_own_head:
        return []
    if teacher is not None and all(get_loss(term.loss).needs_states for term in objective.terms):
        return _without_gradient(network, objective, teacher)
    return weights_beyond(network, -1)


def _without_gradient(network: Any, objective: Objective, teacher: Any) -> list[nn.Parameter]:
    """Weights that the insides compared do not depend on, found by a backward pass of a text."""
    drawn = {name: torch.from_numpy(values) for name, values in random_batch(network, 1, 6).items()}
    outputs = []
    for model, layer in ((network, -1), (teacher, objective.teacher_layer(n_layers_of(teacher)))):
        model.to(default_device())  # where they train
        batch = {name: drawn[name].to(model.device) for name in inputs_of(model) if name in drawn}
        with evaluating(model), torch.set_grad_enabled(model is network):
            outputs.append(ListOutputs({}, (forward(model, batch, objective.reads, layer=layer),)))
    own, its = outputs
    total, _ = objective(own, {}, torch.ones(1, 1, dtype=torch.bool), its)  # no term reads columns
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    gradients = torch.autograd.grad(total, weights, allow_unused=True)
    return [weight for weight, gradient in zip(weights, gradients, strict=True) if gradient is None]
