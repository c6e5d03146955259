"""Heads of a cross-encoder: from one logit, the score, to two, not relevant and relevant."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import nn

from rankdistill.errors import DataError
from rankdistill.models.contract import ScoreContract
from rankdistill.models.cross_encoder import CrossEncoder
from rankdistill.models.families import family_of, head_of


def with_two_logits(model: CrossEncoder) -> CrossEncoder:
    """Return a cross-encoder that gives the logits (-z/2, z/2) where ``model`` gives z, so P(relevant) = sigmoid(z).

    Objectives over two logits need it (`soft_cross_entropy`, `cross_entropy`) of a model that has one; its ranking
    stays. A model of two logits is returned as it is. Raises `DataError` where the head does not end in one linear map.
    """
    if model.contract.n_logits == 2:
        return model
    network: Any = copy.deepcopy(model.model)
    old = head_of(network)
    if not isinstance(old, nn.Linear) or old.out_features != 1:
        raise DataError(f"the head of {family_of(network).name} does not end in a linear map to one logit")
    new = nn.Linear(old.in_features, 2, bias=old.bias is not None)
    with torch.no_grad():
        halves = torch.tensor([[-0.5], [0.5]])
        new.weight.copy_(halves * old.weight)
        if old.bias is not None:
            new.bias.copy_(halves[:, 0] * old.bias)
    parent, _, name = family_of(network).head.rpartition(".")
    setattr(network.get_submodule(parent), name, new.to(old.weight.device, old.weight.dtype))
    network.config.num_labels = 2
    network.num_labels = 2
    return CrossEncoder(
        network,
        model.tokenizer,
        ScoreContract("probability"),
        max_length=model.max_length,
        engine=model.engine_name,
        dtype=model.dtype,
    )
