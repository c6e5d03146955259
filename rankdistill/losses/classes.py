"""Losses of scored pairs: logits of classes, and similarities. Inputs and the mean: `rankdistill.losses.inputs`."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from rankdistill.losses.inputs import counted, grades, mean_over, required


def kl(
    scores: Tensor,
    targets: Tensor | None,
    mask: Tensor,
    *,
    labels: Tensor | None = None,
    temperature: float = 1.0,
) -> Tensor:
    """Mean over pairs of KL(softmax(t/τ) ‖ softmax(z/τ)), times τ²: distil a classifier.

    scores, targets: the student's and the teacher's logits, float (Q, C, L), L classes; a pair counts where all its
    targets are known. The gradient is that of `soft_cross_entropy`, the value is 0 where both agree. Takes targets;
    labels are not used. Source: UEGP eq. 6 (docs/papers.md).
    """
    s, t, counts = counted(scores, mask, required(targets, "kl", "targets"), loss="kl", logits=True)
    student, teacher = (s / temperature).log_softmax(dim=-1), (t / temperature).log_softmax(dim=-1)
    divergence = functional.kl_div(student, teacher, reduction="none", log_target=True).sum(dim=-1)
    return mean_over(divergence * temperature**2, counts)


def logit_mse(scores: Tensor, targets: Tensor | None, mask: Tensor, *, labels: Tensor | None = None) -> Tensor:
    """Mean over pairs of the mean over classes of (z - t)²: bring a classifier's logits to its teacher's.

    scores, targets: logits float (Q, C, L). Takes targets; labels are not used. Source: LSTM-KD §3.3, MKD eq. 4.16
    (docs/papers.md); for one logit it is `pointwise_mse`.
    """
    s, t, counts = counted(scores, mask, required(targets, "logit_mse", "targets"), loss="logit_mse", logits=True)
    return mean_over(((s - t) ** 2).mean(dim=-1), counts)


def similarity_mse(
    scores: Tensor,
    targets: Tensor | None,
    mask: Tensor,
    *,
    labels: Tensor | None = None,
    lowest: float = 0.0,
    highest: float = 1.0,
) -> Tensor:
    """Mean over pairs of (lowest + (highest - lowest)·sigmoid(s) - y)²: learn a similarity of a range.

    scores: one logit a pair, float (Q, C). Takes labels, or targets: what a teacher says in the same range.
    Source: UEGP §3.4 and eq. 2 (docs/papers.md).
    """
    s, y, counts = counted(scores, mask, grades(targets, labels, "similarity_mse"), loss="similarity_mse")
    return mean_over((lowest + (highest - lowest) * torch.sigmoid(s) - y) ** 2, counts)
