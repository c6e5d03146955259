"""The losses by name, what each reads of the models, and what it brings along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from rankdistill.errors import UnknownNameError
from rankdistill.losses.classes import kl, logit_mse, similarity_mse
from rankdistill.losses.insides import (
    Companions,
    attention_mse,
    check_attention_pair,
    check_hidden_pair,
    count_scores,
    count_tokens,
    embedding_mse,
    embedding_projection,
    hidden_mse,
    hidden_projections,
)
from rankdistill.losses.lambda_loss import lambda_loss
from rankdistill.losses.listwise import infonce, kl_list, list_cross_entropy, listmle, listnet
from rankdistill.losses.masked import mlm
from rankdistill.losses.pairwise import hinge, margin_mse, pairwise_mse, ranknet, ranknet_order
from rankdistill.losses.pointwise import bce, cross_entropy, gbce, pointwise_mse, soft_bce, soft_cross_entropy
from rankdistill.losses.relations import check_relations, choose_layer, relations, told_relations
from rankdistill.losses.settings import settings_of
from rankdistill.losses.soft_ranks import adr_mse
from rankdistill.models.outputs import RELATIONS

Sees = Literal["scores", "logits", "insides", "parts", "masked"]
"""What a loss is given of the student, and of a teacher beside it: what they rank by (Q, C), the logits (Q, C, L), the
`Outputs` of all pairs, those of each part of a batch, or the loss of a masked language model."""


@dataclass(frozen=True)
class Loss:
    """A loss, what it reads of the models, and what it brings along.

    It is called as ``function(student, targets, mask, labels=labels, **settings)``. Nothing else in the package knows a
    loss by its name or kind: a new one is a function and a row of `LOSSES`.
    """

    function: Callable[..., Tensor]
    needs_labels: bool = False
    """It learns from relevance labels. Where it needs no targets too, it takes targets in place of absent labels."""
    needs_targets: bool = False
    """It fits a teacher: the column of its scores, or what the teacher beside the student gives."""
    compares: bool = True
    """It compares the candidates of a list, so that a list of one teaches nothing."""
    sees: Sees = "scores"
    reads: tuple[str, ...] = ("logits",)
    """Of the forward pass: names of `rankdistill.models.outputs.READS`."""
    n_logits: int = 1
    """Logits of the head that it needs."""
    companions: Callable[..., Companions] | None = None
    """``companions(student_config, teacher_config, **settings)``: what makes the modules that it trains beside the
    student, by name."""
    check: Callable[..., None] | None = None
    """``check(student, teacher, **settings)`` raises, before any work, where two models cannot be compared."""
    teacher_layer: Callable[..., int] | None = None
    """``teacher_layer(layers of the teacher, layer)``: the layer whose `RELATIONS` it reads of the teacher."""
    counts: Callable[..., int] | None = None
    """``counts(student)``: how many values it is a mean over, where it sees the pairs of one process alone, by which
    the means of several are weighted."""
    told: Callable[..., str] | None = None
    """``told(student, teacher, **settings)``: what it takes where settings leave that open, said before a training."""

    @property
    def needs_states(self) -> bool:
        """Whether it compares the insides of the student and a teacher beside it."""
        return self.sees in ("insides", "parts")

    @property
    def settings(self) -> list[str]:
        """Names of its settings."""
        return list(settings_of(self.function))


LOSSES: dict[str, Loss] = {
    "hinge": Loss(hinge, needs_labels=True),
    "ranknet": Loss(ranknet, needs_labels=True),
    "lambda": Loss(lambda_loss, needs_labels=True),
    "infonce": Loss(infonce, needs_labels=True),
    "listnet": Loss(listnet, needs_labels=True),
    "list_cross_entropy": Loss(list_cross_entropy, needs_labels=True),
    "listmle": Loss(listmle, needs_labels=True),
    "bce": Loss(bce, needs_labels=True, compares=False),
    "gbce": Loss(gbce, needs_labels=True, compares=False),
    "cross_entropy": Loss(cross_entropy, needs_labels=True, compares=False, sees="logits", n_logits=2),
    "similarity_mse": Loss(similarity_mse, needs_labels=True, compares=False),
    "soft_bce": Loss(soft_bce, needs_targets=True, compares=False),
    "pointwise_mse": Loss(pointwise_mse, needs_targets=True, compares=False),
    "pairwise_mse": Loss(pairwise_mse, needs_targets=True),
    "margin_mse": Loss(margin_mse, needs_labels=True, needs_targets=True),
    "kl_list": Loss(kl_list, needs_targets=True),
    "ranknet_order": Loss(ranknet_order, needs_targets=True),
    "adr_mse": Loss(adr_mse, needs_targets=True),
    "soft_cross_entropy": Loss(soft_cross_entropy, needs_targets=True, compares=False, sees="logits", n_logits=2),
    "kl": Loss(kl, needs_targets=True, compares=False, sees="logits", n_logits=2),
    "logit_mse": Loss(logit_mse, needs_targets=True, compares=False, sees="logits", n_logits=2),
    "attention_mse": Loss(
        attention_mse,
        needs_targets=True,
        compares=False,
        sees="insides",
        reads=("queries", "keys"),
        check=check_attention_pair,
        counts=count_scores,
    ),
    "hidden_mse": Loss(
        hidden_mse,
        needs_targets=True,
        compares=False,
        sees="insides",
        reads=("hidden",),
        check=check_hidden_pair,
        companions=hidden_projections,
        counts=count_tokens,
    ),
    "embedding_mse": Loss(
        embedding_mse,
        needs_targets=True,
        compares=False,
        sees="insides",
        reads=("hidden before the last",),
        companions=embedding_projection,
        counts=count_tokens,
    ),
    "relations": Loss(
        relations,
        needs_targets=True,
        compares=False,
        sees="parts",
        reads=(RELATIONS,),
        check=check_relations,
        teacher_layer=choose_layer,
        counts=count_tokens,
        told=told_relations,
    ),
    "mlm": Loss(mlm, compares=False, sees="masked", reads=()),
}


def get_loss(name: str) -> Loss:
    """Look a loss up; `UnknownNameError` lists the valid names and the nearest."""
    if name not in LOSSES:
        raise UnknownNameError("loss", name, LOSSES)
    return LOSSES[name]
