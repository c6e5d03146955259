"""Losses that look at one candidate at a time. Inputs and the mean taken: see `rankdistill.losses.inputs`."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from rankdistill.errors import UsageError
from rankdistill.losses.inputs import counted, grades, mean_over, required


def pointwise_mse(scores: Tensor, targets: Tensor | None, mask: Tensor, *, labels: Tensor | None = None) -> Tensor:
    """Mean over candidates of (s_i - t_i)²: bring the student's scores to the teacher's, scale and all.

    Use it to distil where the scores themselves matter (thresholds, fusion); together with `pairwise_mse` it is UEGP's
    distillation loss. Takes targets; labels are not used. Source: UEGP eq. 8.
    """
    s, t, counts = counted(scores, mask, required(targets, "pointwise_mse", "targets"), loss="pointwise_mse")
    return mean_over((s - t) ** 2, counts)


def bce(
    scores: Tensor,
    targets: Tensor | None,
    mask: Tensor,
    *,
    labels: Tensor | None = None,
    relevant_from: float | None = 1.0,
) -> Tensor:
    """Mean over candidates of the binary cross entropy of sigmoid(s_i): is this document relevant?

    relevant_from: the lowest label that means relevant; None takes the labels as probabilities, from 0 to 1.
    Takes labels (or targets). Use it where labels are binary and lists are short; it compares nothing within a list, so
    pairwise and listwise losses usually rank better (PD-BERT §3.1.1). Raises `UsageError` for probabilities outside
    0 to 1. Source: the one-logit form of STinyBERT's L_hard, PD-BERT §3.1.2.
    """
    s, y, counts = counted(scores, mask, grades(targets, labels, "bce"), loss="bce")
    if relevant_from is not None:
        y = (y >= relevant_from).to(s.dtype)
    elif ((y < 0) | (y > 1)).any():
        raise UsageError("loss 'bce' with relevant_from=None takes probabilities from 0 to 1, got labels outside them")
    return mean_over(functional.binary_cross_entropy_with_logits(s, y, reduction="none"), counts)


def gbce(
    scores: Tensor,
    targets: Tensor | None,
    mask: Tensor,
    *,
    labels: Tensor | None = None,
    relevant_from: float = 1.0,
    calibration: float = 0.75,
    pool: int = 1000,
) -> Tensor:
    """Mean over candidates of -β log p_i where i is relevant, else of -log(1 - p_i), p = sigmoid(s): `bce` of a few.

    β = 1 - t (1 - n / N), t ``calibration``, which is the source's a (t (1 - 1/a) + 1/a) with a = n / N. n: the
    irrelevant candidates of the list. N: ``pool``, those that they were drawn from, such as BM25's 1000 best; n above
    it is as n = N. A list that shows few of the irrelevant ones makes a model sure of every document, and β takes that
    back: t = 0 is `bce`, t = 1 corrects in full. relevant_from: the lowest label that means relevant. Takes labels (or
    targets). Use it with long lists of one relevant document and many others.
    Source: Petrov and Macdonald 2023 (gBCE), arXiv:2308.07192; for shallow re-rankers, with 128 negatives and t = .75,
    Petrov et al. 2024, arXiv:2403.20222.
    """
    s, y, counts = counted(scores, mask, grades(targets, labels, "gbce"), loss="gbce")
    relevant = counts & (y >= relevant_from)
    drawn = (counts & ~relevant).sum(dim=-1, keepdim=True)
    beta = 1 - calibration * (1 - (drawn.to(s.dtype) / pool).clamp(max=1))
    return mean_over(torch.where(relevant, beta * functional.softplus(-s), functional.softplus(s)), counts)


def cross_entropy(
    scores: Tensor,
    targets: Tensor | None,
    mask: Tensor,
    *,
    labels: Tensor | None = None,
    relevant_from: float = 1.0,
) -> Tensor:
    """Mean over candidates of -log softmax(z)_c, c the class that is right.

    scores: logits z, float (Q, C, L). Takes labels (or targets), float (Q, C). Of two logits c is 1 where the label is
    at least ``relevant_from``, else 0; of more the label is c, and `UsageError` is raised for one that is no class.
    Source: STinyBERT's L_hard, PD-BERT §3.1.2, of which `bce` is the form on one logit; UEGP appendix D.
    """
    y = grades(targets, labels, "cross_entropy")
    n_logits = scores.shape[-1] if scores.ndim == 3 else 2
    z, labels, counts = counted(
        scores, mask, y.unsqueeze(-1).expand(*y.shape, n_logits), loss="cross_entropy", logits=True
    )
    known = labels[..., 0]
    if n_logits > 2 and ((known < 0) | (known >= n_logits) | (known != known.floor())).any():
        raise UsageError(f"loss 'cross_entropy' got a label that is none of the {n_logits} classes, from 0")
    right = (known >= relevant_from).long() if n_logits == 2 else known.long()
    return mean_over(-z.log_softmax(dim=-1).gather(-1, right.unsqueeze(-1)).squeeze(-1), counts)


def soft_bce(
    scores: Tensor,
    targets: Tensor | None,
    mask: Tensor,
    *,
    labels: Tensor | None = None,
    temperature: float = 1.0,
) -> Tensor:
    """Mean over candidates of the cross entropy of sigmoid(s/τ) under sigmoid(t/τ), times τ²: `soft_cross_entropy` for
    heads of one logit, a score s being the logits (0, s).

    Takes targets, the teacher's logits, float (Q, C); labels are not used. Source: the one-logit form of PD-BERT's
    L_logits.
    """
    s, t, counts = counted(scores, mask, required(targets, "soft_bce", "targets"), loss="soft_bce")
    probabilities = (t / temperature).sigmoid()
    entropy = functional.binary_cross_entropy_with_logits(s / temperature, probabilities, reduction="none")
    return mean_over(entropy * temperature**2, counts)


def soft_cross_entropy(
    scores: Tensor,
    targets: Tensor | None,
    mask: Tensor,
    *,
    labels: Tensor | None = None,
    temperature: float = 1.0,
) -> Tensor:
    """Mean over candidates of -Σ_c softmax(z^T/τ)_c log softmax(z^S/τ)_c · τ²: distil heads of two logits (or more).

    scores, targets: the student's and the teacher's logits z, float (Q, C, L), L = 2 for relevance; a candidate counts
    where all its targets are known. The factor τ² keeps the gradient's size whatever the temperature (Hinton et al.
    2015); TinyBERT's code lacks it, which at PD-BERT's τ = 1 is the same. Takes targets; labels are not used. With
    `hinge` it makes PD-BERT (eq. 6). Source: L_logits of PD-BERT §3.1.2.
    """
    name = "soft_cross_entropy"
    s, t, counts = counted(scores, mask, required(targets, name, "targets"), loss=name, logits=True)
    probabilities = (t / temperature).softmax(dim=-1)
    entropy = -torch.sum(probabilities * (s / temperature).log_softmax(dim=-1), dim=-1)
    return mean_over(entropy * temperature**2, counts)
