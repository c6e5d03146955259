"""Lists of different lengths in one rectangle: pad flat rows to (Q, C) with a mask, and back."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from rankdistill.errors import UsageError


def pad_lists(flat: ArrayLike | Tensor, offsets: ArrayLike | Tensor, fill: float = 0.0) -> tuple[Tensor, Tensor]:
    """Pad flat rows to (Q, C, ...) and give the mask, bool (Q, C), that is True where a candidate stands.

    flat: (N, ...) of any dtype, a tensor or an array; gradients flow through a tensor. offsets: int (Q+1,), query q is
    rows ``offsets[q]:offsets[q+1]``. C is the longest list's length. fill: value of the padding, which no loss reads.
    """
    rows = flat if isinstance(flat, Tensor) else torch.from_numpy(np.ascontiguousarray(flat))
    bounds = torch.as_tensor(np.asarray(offsets) if not isinstance(offsets, Tensor) else offsets, device=rows.device)
    sizes = bounds.diff()
    if bounds.ndim != 1 or not len(bounds) or bounds[0] != 0 or bounds[-1] != len(rows) or (sizes < 0).any():
        raise UsageError(
            f"offsets must rise from 0 to {len(rows)}, queries + 1 of them, got {bounds.tolist()[:8]} ({len(bounds)})"
        )
    width = int(sizes.max()) if len(sizes) else 0
    mask = torch.arange(width, device=rows.device) < sizes[:, None]
    padded = rows.new_full((*mask.shape, *rows.shape[1:]), fill)
    return padded.index_put((mask,), rows), mask


def flat_lists(padded: Tensor, mask: Tensor) -> Tensor:
    """Undo `pad_lists`: the rows (N, ...) that stand under the mask (Q, C), query by query."""
    return padded[mask]
