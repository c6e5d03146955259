"""A model whose head no loss has trained: said in its config, to whoever loads it to score, and drawn anew to train."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from rankdistill.models.encoder_parts import in_encoder

ENTRY = "untrained_head"
"""Name of the entry of ``config.json``: names of the head's weights, or true where the last layer is not trained
either."""


class UntrainedHead(UserWarning):
    """The scores of a model that was loaded mean nothing, as its head is not trained."""


def mark_head(config: Any, untrained: bool | Iterable[str]) -> None:
    """Note in a model's config which weights of its head are not trained; True: all, and the last layer; False: none.

    Weights are named: an untrained head may have parts that the base had trained, such as a pooler.
    """
    noted = untrained if isinstance(untrained, bool) else sorted(untrained)
    if noted:
        setattr(config, ENTRY, noted)
    elif hasattr(config, ENTRY):
        delattr(config, ENTRY)


def head_weights(network: Any) -> list[str]:
    """Names of all weights outside a network's encoder."""
    return [name for name, _ in network.named_parameters() if not in_encoder(network, name)]


def untrained_weights(network: Any) -> list[str]:
    """Names of a network's weights that its config says no loss has trained, for a new training to draw anew."""
    noted = getattr(network.config, ENTRY, False)
    if isinstance(noted, list | tuple):
        return [name for name, _ in network.named_parameters() if name in noted]
    return head_weights(network) if noted else []


def draw_anew(network: Any, weights: Iterable[str]) -> None:
    """Draw weights from torch's generator, in place: of maps as the family begins them, no bias, norms of ones."""
    deviation = getattr(network.config, "initializer_range", None)
    for name in sorted(weights):
        weight = network.get_parameter(name)
        if weight.ndim == 1:
            with torch.no_grad():
                weight.fill_(0 if name.endswith("bias") else 1)
        elif deviation is None:
            nn.init.xavier_uniform_(weight)
        else:
            nn.init.normal_(weight, std=deviation)


def warn_of_untrained_head(folder: str | Path, config: Any) -> None:
    """Warn where a folder's model is no more than a start for a training: its scores mean nothing."""
    noted = getattr(config, ENTRY, False)
    if not noted:
        return
    if isinstance(noted, list | tuple):
        what = "its head is not trained, so that its scores mean nothing: it learned by other heads, which are gone"
    else:
        what = (
            "its last layer and head are not trained, so that its scores mean nothing: it is a student that learned "
            "relations alone"
        )
    warnings.warn(
        f"{folder}: {what}. It is for `finetune --base` or `distill --student` to go on from, with a new head; where "
        f"another tool has trained the head, delete {ENTRY!r} in its config.json",
        UntrainedHead,
        stacklevel=4,
    )


@contextmanager
def to_train_on() -> Iterator[None]:
    """Load models inside the block without a warning of untrained heads, which a training is to come for."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UntrainedHead)
        yield
