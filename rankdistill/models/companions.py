"""Companions: modules that are part of a student while it trains, and of no model that is saved.

Projections to a teacher's width, heads of experts and the like. They are in the checkpoints of a training, so that it
resumes, and are removed when it ends, by an exception too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

NAME = "distillation_companions"
HEAD = "head "
"""What the names of companions that are heads begin with."""


@contextmanager
def beside(model: nn.Module, companions: Mapping[str, Callable[[], nn.Module]], seed: int = 0) -> Iterator[None]:
    """Make modules part of a model inside the block: name -> what makes it. The same seed gives the same weights."""
    if not companions:
        yield
        return
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        modules = {name: make() for name, make in companions.items()}
    whole: Any = model
    model.add_module(NAME, nn.ModuleDict(modules).to(whole.device).train(model.training))
    try:
        yield
    finally:
        delattr(model, NAME)


@contextmanager
def without_companions(model: nn.Module) -> Iterator[None]:
    """Take the modules away from beside a model inside the block, as where it is saved in the middle of a training."""
    modules = getattr(model, NAME, None)
    if modules is None:
        yield
        return
    delattr(model, NAME)
    try:
        yield
    finally:
        model.add_module(NAME, modules)


def companions_of(model: nn.Module) -> Mapping[str, nn.Module]:
    """The modules beside a model, by name; empty where there are none."""
    modules = getattr(model, NAME, None)
    return dict(modules.items()) if modules is not None else {}


class Head(nn.Sequential):
    """A head over the vector that the model's own head reads: a dense layer, tanh, dropout and a map to the logits."""

    def __init__(self, hidden_size: int, n_logits: int, dropout: float = 0.1) -> None:
        super().__init__(
            nn.Linear(hidden_size, hidden_size),
            nn.Tanh(),
            nn.Dropout(dropout),
            nn.Linear(hidden_size, n_logits),
        )


def heads(model: Any, n_logits: Mapping[str, int]) -> dict[str, Callable[[], nn.Module]]:
    """What makes a head for each name, of so many logits, as companions of a model."""
    hidden_size = model.config.hidden_size
    return {f"{HEAD}{name}": lambda n=n: Head(hidden_size, n) for name, n in n_logits.items()}  # type: ignore[misc]
