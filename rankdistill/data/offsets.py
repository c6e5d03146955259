"""Offsets of lists that are concatenated: list i is rows ``offsets[i]:offsets[i+1]``."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from rankdistill.arrays import I64
from rankdistill.errors import UsageError


def offsets_of(sizes: ArrayLike) -> I64:
    """Compute where lists of these sizes, int (Q,), begin and end when concatenated: int64 (Q+1,).

    >>> offsets_of([2, 0, 3]).tolist()
    [0, 2, 2, 5]
    """
    lengths = np.asarray(sizes, dtype=np.int64)
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def checked_offsets(offsets: ArrayLike, n_rows: int) -> I64:
    """Return offsets as int64 (Q+1,); raise `UsageError` unless they rise from 0 to ``n_rows``."""
    bounds = np.asarray(offsets, dtype=np.int64)
    if bounds.ndim != 1 or not len(bounds) or bounds[0] != 0 or bounds[-1] != n_rows or (np.diff(bounds) < 0).any():
        raise UsageError(f"offsets must rise from 0 to {n_rows}, queries + 1 of them, got shape {bounds.shape}")
    return bounds
