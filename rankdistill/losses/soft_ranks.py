"""Losses over ranks in place of scores. Inputs and the mean taken: see `rankdistill.losses.inputs`."""

from __future__ import annotations

import torch
from torch import Tensor

from rankdistill.losses.inputs import counted, differences, mean_over, required


def adr_mse(
    scores: Tensor,
    targets: Tensor | None,
    mask: Tensor,
    *,
    labels: Tensor | None = None,
    alpha: float = 1.0,
) -> Tensor:
    """Mean over candidates of (π_i - r_i)² / log2(π_i + 1): bring the student's ranks to the teacher's, the top first.

    π is the teacher's rank, from 1, equal scores sharing the mean of theirs. r is the student's soft rank, r_i = 1 +
    Σ_{j≠i} sigmoid(alpha (s_j - s_i)); alpha: how sharply a difference of scores decides. A list counts where it has
    two candidates or more. Takes targets, of which the order alone matters, so that a listwise teacher's will do;
    labels are not used. `ranknet_order` learns from the same, and asks for no particular distance between neighbours.
    Source: Schlatt et al. 2025 (Rank-DistiLLM), arXiv:2405.07920, ADR-MSE.
    """
    s, t, counts = counted(scores, mask, required(targets, "adr_mse", "targets"), loss="adr_mse")
    both = counts[:, :, None] & counts[:, None, :] & ~torch.eye(s.shape[-1], dtype=torch.bool, device=s.device)
    soft = 1 + torch.where(both, torch.sigmoid(-alpha * differences(s)), 0).sum(dim=-1)
    with torch.no_grad():
        ahead = differences(t)
        behind = torch.where(both, (ahead < 0).to(s.dtype) + (ahead == 0).to(s.dtype) / 2, 0).sum(dim=-1)
        ranks = 1 + behind
    return mean_over((ranks - soft) ** 2 / torch.log2(ranks + 1), counts & both.any(dim=-1))
