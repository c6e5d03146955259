"""RankNet's pairs weighted by what their exchange would cost in NDCG. Inputs: see `rankdistill.losses.inputs`."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from rankdistill.errors import UnknownNameError
from rankdistill.losses.inputs import counted, differences, grades, mean_over, ordered_pairs


def exponential_gain(labels: Tensor) -> Tensor:
    """2^y - 1 in units of 2 to the list's highest label, so that no label is too large for a float."""
    highest = labels.amax(dim=-1, keepdim=True).clamp(min=0) if labels.shape[-1] else labels
    return torch.exp2(labels - highest) - torch.exp2(-highest)


GAINS: dict[str, Callable[[Tensor], Tensor]] = {
    "exponential": exponential_gain,
    "linear": lambda labels: labels,
    "log": lambda labels: labels.sign() * torch.log2(1 + labels.abs()),
}
"""Labels (Q, C), 0 where nothing counts -> gains in any unit, as only their share of the best DCG matters."""


def lambda_loss(
    scores: Tensor,
    targets: Tensor | None,
    mask: Tensor,
    *,
    labels: Tensor | None = None,
    weighting: str = "lambdarank",
    gain: str = "exponential",
    k: int | None = None,
    sigma: float = 1.0,
    mu: float = 10.0,
) -> Tensor:
    """Mean over pairs y_i > y_j of w_ij log(1 + exp(-sigma (s_i - s_j))), w_ij what the pair is worth in NDCG.

    w_ij = δ_ij |G_i - G_j| / maxDCG, G the labels' gain ("exponential" 2^y - 1, "linear" y or "log" log2(1 + y)), δ by
    ``weighting``: see `WEIGHTINGS`. The weights follow the student's present ranking and carry no gradient; equal
    scores rank the lesser document first, so that a student that knows nothing yet starts with something to mend. k:
    NDCG's cutoff, ranks beyond it discounted to 0. mu: weight of the second term in "ndcg2++".

    The exponential gain is for grades. It takes labels that are counts, such as clicks, but among them nothing weighs
    beside the highest of a list: give ``gain="log"`` or ``"linear"`` for them.

    Takes labels (or targets). Use it where the top of the list is all that counts; its weights make the loss small, so
    give it a larger weight beside others. `ranknet` is the same with w = 1. The logarithm is natural where the paper's
    has base 2. Source: Burges et al. 2006 (LambdaRank); Wang et al. 2018, "The LambdaLoss framework for ranking metric
    optimization" (NDCG-Loss2 and NDCG-Loss2++).
    """
    if weighting not in WEIGHTINGS:
        raise UnknownNameError("lambda weighting", weighting, WEIGHTINGS)
    if gain not in GAINS:
        raise UnknownNameError("gain", gain, GAINS)
    s, y, counts = counted(scores, mask, grades(targets, labels, "lambda"), loss="lambda")
    with torch.no_grad():
        gains = torch.where(counts, GAINS[gain](y), 0)
        ranks = present_ranks(s, y, counts)
        change = differences(gains / _best_dcg(gains, counts, k)).abs()
        weights = (WEIGHTINGS[weighting](ranks, k, mu) * change).to(s.dtype)
    return mean_over(weights * functional.softplus(-sigma * differences(s)), ordered_pairs(y, counts))


def present_ranks(scores: Tensor, labels: Tensor, counts: Tensor) -> Tensor:
    """Rank of every candidate by its score, int64 (Q, C) from 1, what does not count behind all; all arguments (Q, C).

    Equal scores: the lesser label first, then as they stand.
    """
    ahead = scores[:, :, None] < scores[:, None, :]
    same_score = scores[:, :, None] == scores[:, None, :]
    same_label = labels[:, :, None] == labels[:, None, :]
    earlier = torch.ones(ahead.shape[1:], dtype=torch.bool, device=scores.device).tril(diagonal=-1)
    ahead = ahead | (same_score & ((labels[:, :, None] > labels[:, None, :]) | (same_label & earlier)))
    among = (ahead & counts[:, None, :]).sum(dim=-1) + 1
    return torch.where(counts, among, scores.shape[-1] + 1)


def _discount(ranks: Tensor, k: int | None) -> Tensor:
    discounts = 1 / torch.log2(ranks.double() + 1)
    return discounts if k is None else torch.where(ranks <= k, discounts, 0)


def _best_dcg(gains: Tensor, counts: Tensor, k: int | None) -> Tensor:
    """DCG of the ideal order, (Q, 1), 1 where it is not positive, so that it can divide."""
    places = torch.arange(1, gains.shape[-1] + 1, device=gains.device)
    ordered = torch.where(counts, gains, -torch.inf).sort(dim=-1, descending=True).values
    best = (torch.where(ordered.isinf(), 0, ordered) * _discount(places, k)).sum(dim=-1, keepdim=True)
    return torch.where(best > 0, best, 1).to(gains.dtype)


def _lambdarank(ranks: Tensor, k: int | None, mu: float) -> Tensor:
    """|1/D_i - 1/D_j|: what exchanging the two documents would change."""
    return differences(_discount(ranks, k)).abs()


def _ndcg2(ranks: Tensor, k: int | None, mu: float) -> Tensor:
    """|1/D_|i-j| - 1/D_|i-j|+1|: a bound on NDCG's cost that looks at the two documents' distance."""
    distance = differences(ranks).abs()
    return (
        (_discount(distance.clamp(min=1), None) - _discount(distance + 1, None)) * (distance > 0) * _reached(ranks, k)
    )


def _ndcg2_plus(ranks: Tensor, k: int | None, mu: float) -> Tensor:
    """LambdaRank's plus μ times NDCG-Loss2's."""
    return _lambdarank(ranks, k, mu) + mu * _ndcg2(ranks, k, mu)


def _reached(ranks: Tensor, k: int | None) -> Tensor:
    """bool (Q, C, C): at least one of the two documents ranks within the cutoff."""
    nearer = torch.minimum(ranks[:, :, None], ranks[:, None, :])
    return torch.ones_like(nearer, dtype=torch.bool) if k is None else nearer <= k


WEIGHTINGS: dict[str, Callable[[Tensor, int | None, float], Tensor]] = {
    "lambdarank": _lambdarank,
    "ndcg2": _ndcg2,
    "ndcg2++": _ndcg2_plus,
}
