"""Divergence of a student's relations between tokens from its teacher's, and its gradient, in one pass.

On a CPU in float32 by a kernel of our own; on other devices, and in float64, by torch, some texts at a time.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from rankdistill.losses.kernels.relations import relation_divergence

CHUNK = 1 << 25
"""Scores that torch makes at a time."""


def summed_divergence(student: Tensor, teacher: Tensor, tokens: Tensor, n_heads: int) -> Tensor:
    """Sum KL(teacher's relations || student's) over texts, relation heads and tokens: a scalar, float32 or float64.

    student: float (P, L, n_heads * s), teacher: float (P, L, n_heads * t), a vector for each token, which is cut into
    heads. A token's relations are the softmax, over the tokens of its text, of its products with them over √s, or √t.
    tokens: bool (P, L), False for padding, which takes no part. Gradients flow to the student alone.
    """
    dtype = torch.float64 if student.dtype == torch.float64 else torch.float32
    total: Tensor = _Divergence.apply(student.to(dtype), teacher.detach().to(dtype), tokens, n_heads)
    return total


class _Divergence(torch.autograd.Function):
    """The sum; its gradient is made with it, as a row of scores is gone afterwards."""

    @staticmethod
    def forward(ctx: Any, student: Tensor, teacher: Tensor, tokens: Tensor, n_heads: int) -> Tensor:
        compute = _by_kernel if student.device.type == "cpu" and student.dtype == torch.float32 else _by_torch
        total, gradient = compute(student.detach(), teacher, tokens, n_heads)
        ctx.save_for_backward(gradient)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_total: Tensor) -> tuple[Tensor | None, ...]:
        [gradient] = ctx.saved_tensors
        return gradient * by_total, None, None, None


def _by_kernel(student: Tensor, teacher: Tensor, tokens: Tensor, n_heads: int) -> tuple[Tensor, Tensor]:
    """Compute the sum and its gradient, texts shared among as many threads as torch has; they change no result."""
    student, teacher = student.contiguous(), teacher.contiguous()
    gradient = torch.zeros_like(student)
    sums = np.zeros(len(student))
    arrays = student.numpy(), teacher.numpy(), tokens.contiguous().numpy()
    n_threads = max(1, min(torch.get_num_threads(), len(student)))

    def share(first: int) -> None:
        relation_divergence(*arrays, n_heads, first, n_threads, sums, gradient.numpy())

    if n_threads == 1:
        share(0)
    else:
        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(share, range(n_threads)))
    return torch.tensor(sums.sum(), dtype=torch.float32), gradient


def _by_torch(student: Tensor, teacher: Tensor, tokens: Tensor, n_heads: int) -> tuple[Tensor, Tensor]:
    """Compute the same by torch's operations, in float32 or float64."""
    total, parts = student.new_zeros(()), []
    step = max(1, CHUNK // max(1, n_heads * tokens.shape[1] ** 2))
    for own, its, real in zip(student.split(step), teacher.split(step), tokens.split(step), strict=True):
        scores, targets = (_log_relations(vectors, real, n_heads) for vectors in (own, its))
        rows = real[:, None, :, None]
        shares = targets.exp()
        total = total + (shares * (targets - scores)).masked_fill(~rows, 0).sum()
        by_scores = (scores.exp() - shares).masked_fill(~rows, 0)
        heads = own.unflatten(-1, (n_heads, -1)).transpose(1, 2)
        by_heads = (by_scores + by_scores.transpose(-1, -2)) @ heads * heads.shape[-1] ** -0.5
        parts.append(by_heads.transpose(1, 2).flatten(2))
    return total, torch.cat(parts) if parts else torch.zeros_like(student)


def _log_relations(vectors: Tensor, real: Tensor, n_heads: int) -> Tensor:
    """Logarithms of relations (P, heads, L, L); of padding's columns the lowest number."""
    heads = vectors.masked_fill(~real[..., None], 0).unflatten(-1, (n_heads, -1)).transpose(1, 2)
    scores = heads @ heads.transpose(-1, -2) * heads.shape[-1] ** -0.5
    return scores.masked_fill(~real[:, None, None, :], torch.finfo(scores.dtype).min).log_softmax(-1)
