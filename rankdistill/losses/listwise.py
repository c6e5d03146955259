"""Losses over a query's whole list. Inputs and the mean taken: see `rankdistill.losses.inputs`.

Means are over the lists that count (`infonce`, `listmle`: over the documents that have a lesser one): a list counts
where it has two candidates or more that do, as one candidate alone is in any order right.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from rankdistill.losses.inputs import counted, grades, log_softmax_over, mean_over, ordered_pairs, required


def infonce(
    scores: Tensor,
    targets: Tensor | None,
    mask: Tensor,
    *,
    labels: Tensor | None = None,
    relevant_from: float = 1.0,
    temperature: float = 1.0,
) -> Tensor:
    """Mean over relevant documents i of -log(e^{s_i/τ} / (e^{s_i/τ} + Σ_{j irrelevant} e^{s_j/τ})): i against the rest.

    Relevant is a label of ``relevant_from`` or more. Relevant documents do not compete with each other, where in
    `list_cross_entropy` they share the list; with one of them the two are the same, the localised contrastive loss
    (LCE) of re-rankers. A relevant document counts where its list has an irrelevant one. Takes labels (or targets).
    The first stage of Rank-DistiLLM, on hard negatives of a strong retriever.
    Source: Gao et al. 2021 (LCE), arXiv:2101.08751; Schlatt et al. 2025 (Rank-DistiLLM), arXiv:2405.07920.
    """
    s, y, counts = counted(scores, mask, grades(targets, labels, "infonce"), loss="infonce")
    relevant = counts & (y >= relevant_from)
    others = counts & ~relevant
    s = s / temperature
    if not s.shape[-1]:
        return mean_over(s, counts)
    against = torch.where(others, s, torch.finfo(s.dtype).min).logsumexp(dim=-1, keepdim=True)
    return mean_over(functional.softplus(against - s), relevant & others.any(dim=-1, keepdim=True))


def listnet(
    scores: Tensor,
    targets: Tensor | None,
    mask: Tensor,
    *,
    labels: Tensor | None = None,
    temperature: float = 1.0,
) -> Tensor:
    """Mean over lists of -Σ_i softmax(y/τ)_i log softmax(s)_i: the probability of ranking first, from graded labels.

    temperature: τ of the labels; below 1 sharpens, which long lists need: with labels 0 and 1 the one relevant document
    of a hundred is given a share of 0.027. `list_cross_entropy` gives it all. Takes labels (or targets).
    Source: Cao et al. 2007, ListNet with top-1 probabilities.
    """
    s, y, counts = counted(scores, mask, grades(targets, labels, "listnet"), loss="listnet")
    return _cross_entropy(log_softmax_over(y / temperature, counts).exp(), s, counts, counts.sum(dim=-1) > 1)


def list_cross_entropy(scores: Tensor, targets: Tensor | None, mask: Tensor, *, labels: Tensor | None = None) -> Tensor:
    """Mean over lists of -Σ_i p_i log softmax(s)_i, p_i = y_i / Σ y: the relevant documents against all others.

    One positive makes it the localised contrastive loss of re-rankers (Gao et al. 2021, arXiv:2101.08751), several
    share by their labels, and labels below 0 count as 0. A list without a positive does not count. Takes labels (or
    targets). The usual choice to fine-tune a cross-encoder on one positive and sampled negatives.
    Source: Bruch et al. 2019, "An analysis of the softmax cross entropy loss for learning-to-rank".
    """
    name = "list_cross_entropy"
    s, y, counts = counted(scores, mask, grades(targets, labels, name), loss=name)
    gains = y.clamp(min=0)
    total = gains.sum(dim=-1, keepdim=True)
    shares = gains / torch.where(total > 0, total, 1)
    return _cross_entropy(shares, s, counts, (total[:, 0] > 0) & (counts.sum(dim=-1) > 1))


def kl_list(
    scores: Tensor,
    targets: Tensor | None,
    mask: Tensor,
    *,
    labels: Tensor | None = None,
    temperature: float = 1.0,
    teacher_temperature: float | None = None,
) -> Tensor:
    """Mean over lists of KL(softmax(t/τ_t) ‖ softmax(s/τ)) · τ²: the teacher's distribution over the candidates.

    temperature: τ, of the student. teacher_temperature: τ_t (None: τ); above τ the teacher is flattened, which suits
    one whose scores spread far wider than the student's (2 beside τ = 1 is Tevatron's). Takes targets; labels are not
    used. Use it to distil where the head of the list matters more than the tail's differences, which `pairwise_mse`
    fits all alike; both ignore the teacher's offset. `listnet` is the same but for the teacher's entropy, at τ = τ_t =
    1. Source: Hinton et al. 2015, §2, over candidates instead of classes; Tevatron 3 for two temperatures.
    """
    s, t, counts = counted(scores, mask, required(targets, "kl_list", "targets"), loss="kl_list")
    student = log_softmax_over(s / temperature, counts)
    teacher = log_softmax_over(t / (temperature if teacher_temperature is None else teacher_temperature), counts)
    divergence = torch.where(counts, teacher.exp() * (teacher - student), 0).sum(dim=-1)
    return mean_over(divergence * temperature**2, counts.sum(dim=-1) > 1)


def listmle(scores: Tensor, targets: Tensor | None, mask: Tensor, *, labels: Tensor | None = None) -> Tensor:
    """Mean over documents i, of -log(e^{s_i} / (e^{s_i} + Σ_{y_j < y_i} e^{s_j})): i goes before all lesser ones.

    Without ties in y this is ListMLE's likelihood of the labels' order (Plackett-Luce). With ties the original depends
    on how they happen to be sorted; here documents of equal label do not compete, so the loss does not depend on the
    order of a list. The mean is over documents that have a lesser one. Takes labels, or targets to learn a teacher's
    order. Source: Xia et al. 2008 (ListMLE).
    """
    s, y, counts = counted(scores, mask, grades(targets, labels, "listmle"), loss="listmle")
    lesser = ordered_pairs(y, counts)
    rivals = lesser | torch.eye(s.shape[-1], dtype=torch.bool, device=s.device)
    against = torch.where(rivals, s[:, None, :], torch.finfo(s.dtype).min).logsumexp(dim=-1)
    return mean_over(against - s, lesser.any(dim=-1))


def _cross_entropy(shares: Tensor, scores: Tensor, counts: Tensor, lists: Tensor) -> Tensor:
    """Mean over ``lists``, bool (Q,), of -Σ_i shares_i log softmax(scores)_i over what counts; all else (Q, C)."""
    entropy = -torch.where(counts, shares * log_softmax_over(scores, counts), 0).sum(dim=-1)
    return mean_over(entropy, lists)
