"""Length-sorted batches under a budget of padded tokens: longest first, so that memory peaks at the start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from rankdistill.arrays import I64
from rankdistill.errors import UsageError


@dataclass(frozen=True)
class Batches:
    """Batches over items: batch b holds the items ``order[bounds[b]:bounds[b + 1]]``, padded to its first's length.

    order: int64 (N,), items by falling length, ties by position. bounds: int64 (batches + 1,). lengths: int64 (N,).
    """

    order: I64
    bounds: I64
    lengths: I64

    def __len__(self) -> int:
        return len(self.bounds) - 1

    def __iter__(self) -> Iterator[I64]:
        """Yield the item indices of each batch; ``out[items] = result`` restores the original order."""
        for start, end in zip(self.bounds[:-1], self.bounds[1:], strict=True):
            yield self.order[start:end]

    @property
    def padding(self) -> float:
        """Share of the padded tokens that are padding, 0 to 1."""
        if not len(self.order):
            return 0.0
        padded = int((self.lengths[self.order[self.bounds[:-1]]] * np.diff(self.bounds)).sum())
        return 1.0 - int(self.lengths.sum()) / padded if padded else 0.0


OWN_BATCH = 8
"""Items of a group, at least, that are batched apart from those of other groups."""


def batches_by_group(lengths: Any, groups: Any, batch_tokens: int) -> Iterator[I64]:
    """Yield batches of items, int64 (B,), as `length_sorted_batches`, each of one group; small groups are mixed.

    groups: int (N,), the group of each item, such as its query, whose prompt is then computed once for a batch.
    """
    lengths = np.asarray(lengths, dtype=np.int64)
    _, places, counts = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    places = np.where(counts[places] >= OWN_BATCH, places, -1)
    for place in np.unique(places):
        items = np.flatnonzero(places == place)
        for batch in length_sorted_batches(lengths[items], batch_tokens):
            yield items[batch]


def length_sorted_batches(lengths: Any, batch_tokens: int, *, equal: bool = False) -> Batches:
    """Group items so that each batch has at most ``batch_tokens`` padded tokens, or is one item longer than that.

    lengths: int (N,), tokens of each item. equal: only items of one length in a batch, so that nothing is padded. The
    result depends on these alone.
    """
    lengths = np.asarray(lengths, dtype=np.int64)
    if batch_tokens < 1:
        raise UsageError(f"batch_tokens must be at least 1, got {batch_tokens}")
    order = np.argsort(-lengths, kind="stable")
    bounds = [0]
    while bounds[-1] < len(order):
        longest = int(lengths[order[bounds[-1]]])
        end = min(len(order), bounds[-1] + max(1, batch_tokens // max(1, longest)))
        if equal:
            end = bounds[-1] + int((lengths[order[bounds[-1] : end]] == longest).sum())
        bounds.append(end)
    return Batches(order, np.asarray(bounds, dtype=np.int64), lengths)
