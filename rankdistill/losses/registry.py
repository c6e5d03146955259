"""The losses by name, and what each needs of a trainer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature

from torch import Tensor

from rankdistill.errors import UnknownNameError
from rankdistill.losses.insides import attention_mse, embedding_mse, hidden_mse
from rankdistill.losses.lambda_loss import lambda_loss
from rankdistill.losses.listwise import kl_list, list_cross_entropy, listmle, listnet
from rankdistill.losses.pairwise import hinge, margin_mse, pairwise_mse, ranknet
from rankdistill.losses.pointwise import bce, cross_entropy, pointwise_mse, soft_bce, soft_cross_entropy


@dataclass(frozen=True)
class Loss:
    """A loss and what it needs; called as ``loss.function(scores, targets, mask, labels=labels, **settings)``."""

    function: Callable[..., Tensor]
    needs_labels: bool = False
    """It learns from relevance labels. Where it needs no targets too, it takes targets in place of absent labels."""
    needs_targets: bool = False
    """It fits a teacher's or an ensemble's scores, which must be passed as targets."""
    needs_states: bool = False
    """It compares insides: called as ``loss.function(student, teacher, **settings)`` on two `States`."""
    n_logits: int = 1
    """Logits a candidate: 1 for scores (Q, C), 2 for (Q, C, 2)."""

    @property
    def settings(self) -> list[str]:
        """Names of its settings."""
        named = signature(self.function).parameters.values()
        return [each.name for each in named if each.kind is each.KEYWORD_ONLY and each.name != "labels"]


LOSSES: dict[str, Loss] = {
    "hinge": Loss(hinge, needs_labels=True),
    "ranknet": Loss(ranknet, needs_labels=True),
    "lambda": Loss(lambda_loss, needs_labels=True),
    "listnet": Loss(listnet, needs_labels=True),
    "list_cross_entropy": Loss(list_cross_entropy, needs_labels=True),
    "listmle": Loss(listmle, needs_labels=True),
    "bce": Loss(bce, needs_labels=True),
    "cross_entropy": Loss(cross_entropy, needs_labels=True, n_logits=2),
    "soft_bce": Loss(soft_bce, needs_targets=True),
    "pointwise_mse": Loss(pointwise_mse, needs_targets=True),
    "pairwise_mse": Loss(pairwise_mse, needs_targets=True),
    "margin_mse": Loss(margin_mse, needs_labels=True, needs_targets=True),
    "kl_list": Loss(kl_list, needs_targets=True),
    "soft_cross_entropy": Loss(soft_cross_entropy, needs_targets=True, n_logits=2),
    "attention_mse": Loss(attention_mse, needs_targets=True, needs_states=True),
    "hidden_mse": Loss(hidden_mse, needs_targets=True, needs_states=True),
    "embedding_mse": Loss(embedding_mse, needs_targets=True, needs_states=True),
}


def get_loss(name: str) -> Loss:
    """Look a loss up; `UnknownNameError` lists the valid names and the nearest."""
    if name not in LOSSES:
        raise UnknownNameError("loss", name, LOSSES)
    return LOSSES[name]
