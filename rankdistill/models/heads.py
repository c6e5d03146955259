"""Heads of a cross-encoder: one logit, or two, each made from the other; and a classifier's logits in another order."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from rankdistill.errors import DataError, UsageError
from rankdistill.models.contract import CLASSES, ScoreContract
from rankdistill.models.cross_encoder import CrossEncoder
from rankdistill.models.families import family_of, head_of
from rankdistill.models.labels import name_logits

_OF_ONE = {"margin": "logit", "probability": "sigmoid"}
"""Form of two logits -> the form of their margin that gives the same scores."""


def with_two_logits(model: CrossEncoder) -> CrossEncoder:
    """Return a cross-encoder that gives the logits (-z/2, z/2) where ``model`` gives z, so P(relevant) = sigmoid(z).

    Objectives over two logits need it (`soft_cross_entropy`, `cross_entropy`) of a model that has one; its ranking
    stays. Of a model of two logits the second is made the relevant one, see `relevant_second`. Raises `DataError` where
    the head does not end in one linear map, and `UsageError` for a classifier of more classes.
    """
    contract = model.contract
    if contract.n_logits == 2:
        return relevant_second(model)
    _check_ranks(contract, "two logits")
    form = {of_one: of_two for of_two, of_one in _OF_ONE.items()}[contract.form]
    return _with_head(model, torch.tensor([[-0.5], [0.5]]), replace(contract, form=form))


def as_one_logit(model: CrossEncoder) -> CrossEncoder:
    """Return a cross-encoder that gives the one logit z_relevant - z_other where ``model`` gives two.

    Scores are the same, and so they are for every other tool: of two logits many rank by the wrong one. A model of one
    logit is returned as it is. Raises `DataError` where the head does not end in one linear map, and `UsageError` for a
    classifier.
    """
    contract = model.contract
    if contract.n_logits == 1:
        return model
    _check_ranks(contract, "one logit")
    difference = torch.tensor([[-1.0, 1.0] if contract.relevant else [1.0, -1.0]])
    return _with_head(model, difference, replace(contract, form=_OF_ONE[contract.form], relevant=1))


def relevant_second(model: CrossEncoder) -> CrossEncoder:
    """Return a cross-encoder whose second logit, of two, is the relevant one, as training and its teachers expect.

    Scores are the same. A model for which that holds, or of one logit, is returned as it is. Raises `DataError` where
    the head does not end in one linear map.
    """
    if model.contract.relevant == 1:
        return model
    return _with_head(model, torch.tensor([[0.0, 1.0], [1.0, 0.0]]), replace(model.contract, relevant=1))


def in_order(model: CrossEncoder, places: Sequence[int], classes: Sequence[str]) -> CrossEncoder:
    """Return a classifier whose logits are those at ``places``, in this order, and are named ``classes``.

    A model that has them so is returned as it is. Raises `DataError` where the head does not end in one linear map.
    """
    if list(places) == list(range(model.contract.n_logits)):
        return model
    ordered = _with_head(model, torch.eye(model.contract.n_logits)[list(places)], model.contract)
    name_logits(ordered.model.config, classes)
    return ordered


def _check_ranks(contract: ScoreContract, wanted: str) -> None:
    """Raise `UsageError` for a classifier, whose logits are no score; wanted: what its head should become."""
    if contract.form == CLASSES:
        raise UsageError(
            f"a classifier of {contract.n_classes} classes cannot be made a model of {wanted}: its logits are those of "
            "its classes, and none of them is a score"
        )


def _with_head(model: CrossEncoder, mix: Tensor, contract: ScoreContract) -> CrossEncoder:
    """Return a cross-encoder whose logits are ``mix`` (new logits, old logits) times those of ``model``."""
    network: Any = copy.deepcopy(model.model)
    old = head_of(network)
    if not isinstance(old, nn.Linear) or old.out_features != mix.shape[1]:
        raise DataError(
            f"the head of {family_of(network).name} does not end in a linear map to {mix.shape[1]} logits: it cannot "
            f"be made one of {mix.shape[0]}"
        )
    new = nn.Linear(old.in_features, len(mix), bias=old.bias is not None)
    mix = mix.to(old.weight.device, old.weight.dtype)
    with torch.no_grad():
        new.weight.copy_(mix @ old.weight)
        if old.bias is not None:
            new.bias.copy_(mix @ old.bias)
    parent, _, name = family_of(network).head.rpartition(".")
    setattr(network.get_submodule(parent), name, new.to(old.weight.device, old.weight.dtype))
    network.config.num_labels = network.num_labels = len(mix)
    name_logits(network.config, [f"LABEL_{place}" for place in range(len(mix))])
    return model.with_model(network, contract)
