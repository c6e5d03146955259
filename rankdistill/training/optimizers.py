"""The optimizers beside AdamW, as transformers' trainer takes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from rankdistill.training.settings import TrainingSettings

Made = tuple[type[torch.optim.Optimizer], dict[str, Any]]
"""Class of an optimizer and its arguments, but for the weights and their decay."""

OPTIMIZERS: dict[str, Callable[[TrainingSettings], Made] | None] = {
    "adamw": None,
    "adam": lambda settings: (
        torch.optim.Adam,
        {"lr": settings.learning_rate, "betas": (settings.adam_beta1, settings.adam_beta2)},
    ),
    "adadelta": lambda settings: (
        torch.optim.Adadelta,
        {"lr": settings.learning_rate, "rho": settings.adadelta_rho},
    ),
}
"""Name in the settings -> the optimizer; None: transformers' own AdamW."""


def use_optimizer(trainer: Any, settings: TrainingSettings) -> None:
    """Make a trainer train by the optimizer of the settings, where it is not AdamW, and then without weight decay."""
    make = OPTIMIZERS[settings.optimizer]
    if make is not None:
        trainer.optimizer_cls_and_kwargs = make(settings)
        trainer.args.weight_decay = 0.0
