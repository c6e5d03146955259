"""The optimizers beside AdamW, as transformers' trainer takes them, and the clipping of sparse gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from rankdistill.training.distributed import processes
from rankdistill.training.row_adadelta import RowAdadelta
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
        RowAdadelta,
        {"lr": settings.learning_rate, "rho": settings.adadelta_rho},
    ),
}
"""Name in the settings -> the optimizer; None: transformers' own AdamW."""


def use_optimizer(trainer: Any, settings: TrainingSettings) -> None:
    """Make a trainer train by the optimizer of the settings, where it is not AdamW, and then without weight decay.

    Where it takes sparse gradients, embeddings have those; several processes add up dense ones.
    """
    make = OPTIMIZERS[settings.optimizer]
    if make is not None:
        trainer.optimizer_cls_and_kwargs = make(settings)
        trainer.args.weight_decay = 0.0
        trainer.sparse_embeddings = trainer.optimizer_cls_and_kwargs[0] is RowAdadelta and processes()[1] == 1


def clip_gradients(weights: Iterable[nn.Parameter], max_norm: float) -> Tensor:
    """Scale the gradients of all weights together to a norm of at most ``max_norm``; return the norm that they had.

    As `torch.nn.utils.clip_grad_norm_`, which takes no sparse gradients; here those may be among them.
    """
    read = [weight for weight in weights if weight.grad is not None]
    values = []
    for weight in read:
        if weight.grad.is_sparse:  # type: ignore[union-attr]
            weight.grad = weight.grad.coalesce()  # type: ignore[union-attr]
            values.append(weight.grad.values())
        else:
            values.append(weight.grad)
    norm = torch.nn.utils.get_total_norm(values)
    torch._foreach_mul_(values, (max_norm / (norm + 1e-6)).clamp(max=1.0))
    return norm
