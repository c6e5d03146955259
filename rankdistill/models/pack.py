"""A batch whose parts have different lengths in one pass through a model: their tokens follow each other in one row.

Only attention, and what reads the first tokens, sees the row as pairs; all other products are of all tokens at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Pack:
    """Where the pairs of each part are in the row of T tokens."""

    masks: Sequence[Tensor]
    """Of each part, bool (pairs, length), True where a token is no padding."""

    @cached_property
    def padded(self) -> Sequence[Tensor | None]:
        """The masks as attention takes them, bool (pairs, 1, 1, length); None where nothing is padding."""
        return [None if mask.all() else mask[:, None, None] for mask in self.masks]

    @cached_property
    def n_pairs(self) -> list[int]:
        """Pairs of each part."""
        return [len(mask) for mask in self.masks]

    @cached_property
    def n_tokens(self) -> list[int]:
        """Tokens of each part, padding included."""
        return [mask.numel() for mask in self.masks]

    @cached_property
    def first(self) -> Tensor:
        """Places of the pairs' first tokens in the row, int64 (P,)."""
        starts = accumulate(self.n_tokens[:-1], initial=0)
        each = zip(starts, self.n_tokens, self.masks, strict=True)
        return torch.cat([torch.arange(start, start + n, mask.shape[1]) for start, n, mask in each])

    def row(self, parts: Sequence[Tensor]) -> Tensor:
        """One row (1, T, …) of parts (pairs, length, …)."""
        return torch.cat([part.flatten(0, 1) for part in parts])[None]

    def split(self, row: Tensor) -> list[Tensor]:
        """The parts, (pairs, length, …), of a row (1, T, …); views of it."""
        parts = row[0].split(self.n_tokens)
        return [part.unflatten(0, mask.shape) for part, mask in zip(parts, self.masks, strict=True)]

    def split_pairs(self, values: Tensor) -> Sequence[Tensor]:
        """The parts, (pairs, …), of what there is of all pairs, (P, …); views of it."""
        return values.split(self.n_pairs)

    def at_first(self, row: Tensor) -> Tensor:
        """The first tokens' states, (P, 1, H), of a row (1, T, H)."""
        return row[0, self.first][:, None]
