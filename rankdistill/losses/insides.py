"""Losses between a student's and its teacher's insides: attention scores, hidden states, embeddings (TinyBERT's).

They have the signature of all losses, ``(student, teacher, mask, *, labels=None, **settings)``, on two `Outputs` of the
same pairs; mask and labels are not used. Each is a mean over whatever counts: the layers mapped, the tokens that are no
padding, and a state's dimensions. So it grows with neither batch, length nor depth, where TinyBERT's code sums over
layers and divides by padding too. The teacher's outputs carry no gradient. Widths that differ are bridged by learned
projections, companions of the student while it trains.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from rankdistill.errors import DataError, UnknownNameError, UsageError
from rankdistill.losses.relations import TRANSFORMERS
from rankdistill.models.families import family_of
from rankdistill.models.outputs import Outputs, check_attention

LayerChoice = str | Sequence[int]
LAYER_MAPS = ("every", "last-k", "last")
Companions = dict[str, Callable[[], nn.Module]]


def attention_mse(
    student: Outputs, teacher: Outputs, mask: Tensor, *, labels: Tensor | None = None, layers: LayerChoice = "every"
) -> Tensor:
    """Mean of squared differences of attention scores QKᵀ/√d, between tokens that are no padding.

    layers: see `layer_map`. Raises `UsageError` where the numbers of heads differ, `DataError` for a family whose
    attention is more than QKᵀ/√d.
    Source: TinyBERT eq. 7 and its code; L_attn of PD-BERT eq. 2 (docs/papers.md).
    """
    _check_heads(student.n_heads, teacher.n_heads)
    n_scores = student.n_heads * student.tokens.sum(dim=1).square().sum().clamp(min=1)
    losses = []
    for student_layer, teacher_layer in layer_map(len(student.queries), len(teacher.queries), layers):
        s, t = student.attention(student_layer), teacher.attention(teacher_layer)
        losses.append(mse_loss(s, t, reduction="sum") / n_scores)
    return torch.stack(losses).mean()


def hidden_mse(
    student: Outputs,
    teacher: Outputs,
    mask: Tensor,
    *,
    labels: Tensor | None = None,
    layers: LayerChoice = "every",
    shared: bool = False,
) -> Tensor:
    """Mean of squared differences of the layers' outputs, through a learned projection where the widths differ.

    layers: see `layer_map`. shared: one projection for all layers, as in TinyBERT's code; else one each, as its paper
    says. Source: TinyBERT eq. 8; L_hidn of PD-BERT eq. 2 (docs/papers.md).
    """
    pairs = layer_map(len(student.hidden) - 1, len(teacher.hidden) - 1, layers)
    losses = [
        _distance(student, student.hidden[i + 1], teacher.hidden[j + 1], _projection("hidden_mse", i, shared))
        for i, j in pairs
    ]
    return torch.stack(losses).mean()


def embedding_mse(student: Outputs, teacher: Outputs, mask: Tensor, *, labels: Tensor | None = None) -> Tensor:
    """Mean of squared differences of the embeddings' output.

    Source: TinyBERT eq. 9; L_emb of PD-BERT eq. 2 (docs/papers.md).
    """
    return _distance(student, student.hidden[0], teacher.hidden[0], _projection("embedding_mse", 0, True))


def count_tokens(student: Outputs | Sequence[Outputs]) -> int:
    """Count the tokens that are no padding, of all parts: what a loss on states is a mean over."""
    return sum(int(part.tokens.sum()) for part in ((student,) if isinstance(student, Outputs) else student))


def count_scores(student: Outputs) -> int:
    """Count the pairs of tokens that are no padding: what a loss on attention scores is a mean over."""
    return int(student.tokens.sum(dim=1).square().sum())


def hidden_projections(student: Any, teacher: Any, layers: LayerChoice = "every", shared: bool = False) -> Companions:
    """The projections that `hidden_mse` needs between models of these configs: none where the widths are the same."""
    pairs = layer_map(student.num_hidden_layers, teacher.num_hidden_layers, layers)
    names = [_projection("hidden_mse", i, shared) for i, _ in pairs]
    return _projections(student.hidden_size, teacher.hidden_size, names)


def embedding_projection(student: Any, teacher: Any) -> Companions:
    """The projection that `embedding_mse` needs between models of these configs: none where the widths are the same."""
    own, its = (getattr(config, "embedded_size", config.hidden_size) for config in (student, teacher))
    return _projections(own, its, [_projection("embedding_mse", 0, True)])


def check_attention_pair(student: Any, teacher: Any, layers: LayerChoice = "every") -> None:
    """Raise where `attention_mse` cannot compare two transformers models: their families, heads or layers."""
    for model in (student, teacher):
        check_attention(family_of(model))
    _check_heads(student.config.num_attention_heads, teacher.config.num_attention_heads)
    layer_map(student.config.num_hidden_layers, teacher.config.num_hidden_layers, layers)


def check_hidden_pair(student: Any, teacher: Any, layers: LayerChoice = "every", shared: bool = False) -> None:
    """Raise where `hidden_mse` cannot compare two transformers models: a network without states of tokens, layers."""
    for role, model in (("student", student), ("teacher", teacher)):
        family = family_of(model)
        if not family.states_of_tokens:
            raise DataError(
                f"hidden_mse compares the states that layers give each token, and the {role}, {family.name}, gives "
                f"one vector for a whole text: leave the term out, or take a transformer, such as {TRANSFORMERS[role]}"
            )
    layer_map(student.config.num_hidden_layers, teacher.config.num_hidden_layers, layers)


def layer_map(n_student: int, n_teacher: int, layers: LayerChoice = "every") -> list[tuple[int, int]]:
    """Pairs (student's layer, teacher's layer), from 0.

    layers: "every" spreads the student over the teacher, its i-th of n learning from the teacher's (i + 1) N/n-th (3,
    6, 9, 12 of 12 for 4); "last" pairs the last with the last alone; "last-k" the student's with the teacher's last
    layers; a list names a teacher's layer for each of the student's. Raises `UsageError`.
    Source: PD-BERT table 4 (docs/papers.md).
    """
    if isinstance(layers, str):
        if layers not in LAYER_MAPS:
            raise UnknownNameError("map of layers", layers, LAYER_MAPS)
        if layers == "every":
            return [(i, -(-(i + 1) * n_teacher // n_student) - 1) for i in range(n_student)]
        if layers == "last":
            return [(n_student - 1, n_teacher - 1)]
        if n_student <= n_teacher:
            return [(i, n_teacher - n_student + i) for i in range(n_student)]
    elif len(layers) == n_student and all(0 <= layer < n_teacher for layer in layers):
        return list(enumerate(layers))
    raise UsageError(
        f"got layers={layers!r} for {n_student} layers that learn from {n_teacher}, expected 'every', 'last', 'last-k' "
        f"(of no more layers than the teacher has), or a list of {n_student} layers from 0 to {n_teacher - 1}"
    )


def _check_heads(n_student: int, n_teacher: int) -> None:
    if n_student != n_teacher:
        raise UsageError(
            f"attention_mse compares head by head, but the student has {n_student} heads and the teacher "
            f"{n_teacher}: leave the term out, or take a student of as many heads"
        )


def _projection(loss: str, layer: int, shared: bool) -> str:
    """Name of a projection among the student's companions."""
    return loss if shared else f"{loss}_{layer}"


def _projections(own: int, its: int, names: Sequence[str]) -> Companions:
    return {} if own == its else {name: lambda: nn.Linear(own, its) for name in names}


def _distance(student: Outputs, state: Tensor, target: Tensor, projection: str) -> Tensor:
    if state.shape[-1] != target.shape[-1]:
        state = student.companions[projection](state.float())
    return ((state.float() - target.float()) ** 2).mean(dim=-1)[student.tokens].mean()
