"""Losses over pairs of a query's candidates. Inputs and the mean taken: see `rankdistill.losses.inputs`."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from rankdistill.losses.inputs import counted, differences, grades, mean_over, ordered_pairs, required


def hinge(
    scores: Tensor,
    targets: Tensor | None,
    mask: Tensor,
    *,
    labels: Tensor | None = None,
    margin: float = 1.0,
) -> Tensor:
    """Mean over pairs y_i > y_j of max(0, margin - (s_i - s_j)): the more relevant one ahead by a margin.

    Takes labels (or targets). Use it to fine-tune on labels, alone or beside a distillation loss; a pair that is apart
    enough asks for nothing more, unlike in `ranknet`. margin: in units of the score, so small for probabilities.
    Source: PD-BERT eq. 1; UEGP's ranking fine-tuning.
    """
    s, y, counts = counted(scores, mask, grades(targets, labels, "hinge"), loss="hinge")
    return mean_over(functional.relu(margin - differences(s)), ordered_pairs(y, counts))


def ranknet(
    scores: Tensor,
    targets: Tensor | None,
    mask: Tensor,
    *,
    labels: Tensor | None = None,
    sigma: float = 1.0,
) -> Tensor:
    """Mean over pairs y_i > y_j of log(1 + exp(-sigma (s_i - s_j))): the smooth form of `hinge`.

    A pair far apart still asks for a little more. `lambda_loss` is the same with weights, `ranknet_order` the same on a
    teacher's order. Takes labels (or targets).
    Source: Burges et al. 2005 (RankNet), with target probability 1 for the pairs in order.
    """
    s, y, counts = counted(scores, mask, grades(targets, labels, "ranknet"), loss="ranknet")
    return mean_over(functional.softplus(-sigma * differences(s)), ordered_pairs(y, counts))


def ranknet_order(
    scores: Tensor,
    targets: Tensor | None,
    mask: Tensor,
    *,
    labels: Tensor | None = None,
    sigma: float = 1.0,
) -> Tensor:
    """Mean over pairs t_i > t_j of log(1 + exp(-sigma (s_i - s_j))): `ranknet` on a teacher's order.

    Takes targets, of which the order alone matters, so that a listwise teacher's will do; labels are not used, and
    candidates of equal targets are no pair. The second stage of Rank-DistiLLM, on whole lists.
    Source: Schlatt et al. 2025 (Rank-DistiLLM), arXiv:2405.07920.
    """
    return ranknet(scores, required(targets, "ranknet_order", "targets"), mask, sigma=sigma)


def pairwise_mse(scores: Tensor, targets: Tensor | None, mask: Tensor, *, labels: Tensor | None = None) -> Tensor:
    """Mean over pairs i ≠ j of ((s_i - s_j) - (t_i - t_j))²: the teacher's differences, free of its offset.

    In O(C): with a = s - t and ā its mean over the list, Σ_{i≠j} (a_i - a_j)² = 2nΣa² - 2(Σa)² = 2nΣ(a - ā)², and
    the last form does not cancel where the teacher's scores are far from the student's. Takes targets; labels are not
    used. `margin_mse` is the same over the pairs that labels order. Source: UEGP eq. 9.
    """
    s, t, counts = counted(scores, mask, required(targets, "pairwise_mse", "targets"), loss="pairwise_mse")
    a = s - t
    n = counts.sum(dim=-1, keepdim=True)
    centred = torch.where(counts, a - a.sum(dim=-1, keepdim=True) / n.clamp(min=1), 0)
    return 2 * (n * centred**2).sum() / (n * (n - 1)).sum().clamp(min=1)


def margin_mse(scores: Tensor, targets: Tensor | None, mask: Tensor, *, labels: Tensor | None = None) -> Tensor:
    """Mean over pairs y_i > y_j of ((s_i - s_j) - (t_i - t_j))²: the teacher's margin of a relevant over a lesser one.

    Takes targets (teacher's scores) and labels; with one positive and one negative a list it is the classic form on
    triples. Use it where the labels are trusted to say which pairs matter, `pairwise_mse` where not or where there are
    none. Source: Hofstätter et al. 2020, arXiv:2010.02666.
    """
    known = required(targets, "margin_mse", "targets"), required(labels, "margin_mse", "labels beside the targets")
    s, t, y, counts = counted(scores, mask, *known, loss="margin_mse")
    return mean_over(differences(s - t) ** 2, ordered_pairs(y, counts))
