"""What counts in a loss: candidates under the mask whose targets are known, and the mean over them.

Every loss here takes ``(scores, targets, mask, *, labels=None, **settings)`` and gives a scalar:

- scores: the student's, float (Q, C), or (Q, C, L) for losses on a head of L logits; gradients flow through them.
- targets: what to fit, float (Q, C): a teacher's or an ensemble's scores, or labels. Of the scores' shape for logits.
- mask: bool (Q, C), True where there is a candidate; the values of the padding, NaN included, change nothing.
- labels: relevance labels, float (Q, C). A loss that learns from labels takes these where given, else its targets; so
  it can also be told to fit the order of a teacher, by passing the teacher's scores as targets and no labels.

NaN targets and labels mean missing: the candidate is in no pair and no mean. A loss is the mean over all candidates,
pairs or lists of the batch that count, each equally, so it grows neither with the batch nor with the lists; where none
counts it is 0, with a graph. Half and bfloat16 scores are computed in float32. Malformed shapes raise `UsageError`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rankdistill.errors import UsageError


def counted(scores: Tensor, mask: Tensor, *known: Tensor, loss: str, logits: bool = False) -> tuple[Tensor, ...]:
    """Check shapes; return the scores and each known column with 0 where a candidate does not count, then what counts.

    scores: float (Q, C), or (Q, C, L) where ``logits``. known: targets and labels of the scores' shape. The last
    returned is bool (Q, C). Zeros are chosen, not multiplied in, so NaN there reaches neither value nor gradient.
    """
    _check_shapes(scores, mask, known, loss, logits)
    counts = mask
    for column in known:
        missing = torch.isnan(column)
        counts = counts & ~(missing.any(dim=-1) if logits else missing)
    dtype = torch.promote_types(scores.dtype, torch.float32)
    chosen = counts.unsqueeze(-1) if logits else counts
    return (*(torch.where(chosen, column.to(dtype), 0) for column in (scores, *known)), counts)


def grades(targets: Tensor | None, labels: Tensor | None, loss: str) -> Tensor:
    """Choose what a loss that learns from labels fits: the labels where given, else the targets."""
    chosen = targets if labels is None else labels
    if chosen is None:
        raise UsageError(f"loss {loss!r} needs labels or targets to fit, got neither")
    return chosen


def required(column: Tensor | None, loss: str, name: str) -> Tensor:
    """Return the column, or raise `UsageError` saying that the loss needs it."""
    if column is None:
        raise UsageError(f"loss {loss!r} needs {name}, got none")
    return column


def mean_over(values: Tensor, counts: Tensor) -> Tensor:
    """Mean of the values (any shape) where ``counts`` (same shape) is True; 0 with a graph where it never is."""
    return torch.where(counts, values, 0).sum() / counts.sum().clamp(min=1)


def ordered_pairs(values: Tensor, counts: Tensor) -> Tensor:
    """bool (Q, C, C): True at (i, j) where both count and i's value is above j's."""
    return (values[:, :, None] > values[:, None, :]) & counts[:, :, None] & counts[:, None, :]


def differences(values: Tensor) -> Tensor:
    """float (Q, C, C): value of i minus value of j."""
    return values[:, :, None] - values[:, None, :]


def log_softmax_over(values: Tensor, counts: Tensor) -> Tensor:
    """log softmax of (Q, C) over the candidates of a list that count, 0 elsewhere."""
    lowest = torch.finfo(values.dtype).min
    return torch.where(counts, torch.where(counts, values, lowest).log_softmax(dim=-1), 0)


def _check_shapes(scores: Tensor, mask: Tensor, known: tuple[Tensor, ...], loss: str, logits: bool) -> None:
    shape = "(queries, candidates, logits), two logits or more" if logits else "(queries, candidates), one score each"
    if scores.ndim != 2 + logits or (logits and scores.shape[-1] < 2):
        raise UsageError(f"loss {loss!r} got scores of shape {tuple(scores.shape)}, expected {shape}")
    if mask.dtype != torch.bool or mask.shape != scores.shape[:2]:
        raise UsageError(
            f"loss {loss!r} got a mask of shape {tuple(mask.shape)} and dtype {mask.dtype}, "
            f"expected {tuple(scores.shape[:2])} and bool"
        )
    for column in known:
        if column.shape != scores.shape:
            raise UsageError(
                f"loss {loss!r} got targets or labels of shape {tuple(column.shape)}, "
                f"expected {tuple(scores.shape)} as the scores have"
            )
