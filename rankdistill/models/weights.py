"""Which weights of a classification model an output does not depend on."""

from __future__ import annotations

from typing import Any

from torch import nn

from rankdistill.models.companions import NAME as COMPANIONS
from rankdistill.models.families import family_of, layer_list, n_layers_of


def weights_beyond(model: Any, at: int) -> list[nn.Parameter]:
    """Weights that the hidden states at ``at`` (-1 for the last, -2 for those before the last layer) do not depend on.

    Companions beside the model are not among them: they are trained on purpose.
    """
    layers, inside = layer_list(model), model.base_model_prefix + "."
    n_layers = n_layers_of(model)
    later = tuple(f"{layers}.{i}." for i in range(n_layers + at + 1, n_layers))
    head = [name for name, _ in model.named_children() if name + "." != inside and name != COMPANIONS]
    if at < -1 and family_of(model).final_norm:
        head.append(family_of(model).final_norm)
    beyond = tuple(f"{name}." for name in head)
    return [
        weight for name, weight in model.named_parameters() if name.startswith((*beyond, *later, f"{inside}pooler."))
    ]
