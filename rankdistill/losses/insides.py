"""Losses between a student's and its teacher's insides: attention scores, hidden states, embeddings (TinyBERT's).

Each is a mean over whatever counts: the layers mapped, the tokens that are no padding, and a state's dimensions; so it
grows with neither batch, length nor depth, where TinyBERT's code sums over layers and divides by padding too. The
teacher's states carry no gradient.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from rankdistill.errors import UsageError

if TYPE_CHECKING:
    from rankdistill.models.states import States

LayerChoice = str | Sequence[int]
LAYER_MAPS = ("every", "last-k", "last")


def attention_mse(student: States, teacher: States, *, layers: LayerChoice = "every") -> Tensor:
    """Mean of squared differences of attention scores QKᵀ/√d, between tokens that are no padding.

    layers: see `layer_map`. Raises `UsageError` where the numbers of heads differ.
    Source: TinyBERT eq. 7 and its code; L_attn of PD-BERT eq. 2.
    """
    n_scores = student.heads * student.tokens.sum(dim=1).square().sum().clamp(min=1)
    losses = []
    for mine, its in layer_map(len(student.queries), len(teacher.queries), layers):
        s, t = student.attention(mine), teacher.attention(its)
        if s.shape[1] != t.shape[1]:
            raise UsageError(
                f"attention_mse compares head by head, but the student has {s.shape[1]} heads and the teacher "
                f"{t.shape[1]}: leave the term out, or take a student of as many heads"
            )
        losses.append(mse_loss(s, t, reduction="sum") / n_scores)
    return torch.stack(losses).mean()


def hidden_mse(student: States, teacher: States, *, layers: LayerChoice = "every", shared: bool = False) -> Tensor:
    """Mean of squared differences of the layers' outputs, through a learned projection where the widths differ.

    layers: see `layer_map`. shared: one projection for all layers, as in TinyBERT's code; else one each, as its paper
    says. Source: TinyBERT eq. 8; L_hidn of PD-BERT eq. 2.
    """
    pairs = layer_map(len(student.hidden) - 1, len(teacher.hidden) - 1, layers)
    losses = [
        _distance(
            student, student.hidden[mine + 1], teacher.hidden[its + 1], projection_name("hidden_mse", mine, shared)
        )
        for mine, its in pairs
    ]
    return torch.stack(losses).mean()


def embedding_mse(student: States, teacher: States) -> Tensor:
    """Mean of squared differences of the embeddings' output. Source: TinyBERT eq. 9; L_emb of PD-BERT eq. 2."""
    return _distance(student, student.hidden[0], teacher.hidden[0], projection_name("embedding_mse", 0, True))


def layer_map(n_student: int, n_teacher: int, layers: LayerChoice = "every") -> list[tuple[int, int]]:
    """Pairs (student's layer, teacher's layer), from 0.

    layers: "every" spreads the student over the teacher, its i-th of n standing for the teacher's (i + 1) N/n-th (3, 6,
    9, 12 of 12 for 4); "last" pairs the last with the last alone; "last-k" the student's with the teacher's last
    layers; a list names a teacher's layer for each of the student's. Raises `UsageError`.
    Source: PD-BERT table 4.
    """
    if isinstance(layers, str):
        if layers == "every":
            return [(i, -(-(i + 1) * n_teacher // n_student) - 1) for i in range(n_student)]
        if layers == "last":
            return [(n_student - 1, n_teacher - 1)]
        if layers == "last-k" and n_student <= n_teacher:
            return [(i, n_teacher - n_student + i) for i in range(n_student)]
    elif len(layers) == n_student and all(0 <= layer < n_teacher for layer in layers):
        return list(enumerate(layers))
    raise UsageError(
        f"got layers={layers!r} for {n_student} layers that learn from {n_teacher}, expected 'every', 'last', 'last-k' "
        f"(of no more layers than the teacher has), or a list of {n_student} layers from 0 to {n_teacher - 1}"
    )


def projection_name(loss: str, layer: int, shared: bool) -> str:
    """Under which name a projection stands in `States`."""
    return loss if shared else f"{loss}_{layer}"


def _distance(student: States, mine: Tensor, its: Tensor, projection: str) -> Tensor:
    if mine.shape[-1] != its.shape[-1]:
        mine = student.projections[projection](mine.float())
    return ((mine.float() - its.float()) ** 2).mean(dim=-1)[student.tokens].mean()
