"""A batch whose parts have different lengths in one pass through a model: their tokens follow each other in one row.

Only attention, and what reads the first tokens, sees the row as pairs; all other products are of all tokens at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

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
    def n_tokens(self) -> Sequence[int]:
        """Tokens of each part, padding included."""
        return [mask.numel() for mask in self.masks]

    @cached_property
    def n_pairs(self) -> Sequence[int]:
        """Pairs of each part."""
        return [len(mask) for mask in self.masks]

    @cached_property
    def first(self) -> Tensor:
        """Places of the pairs' first tokens in the row, int64 (P,)."""
        return (self.positions(0)[0] == 0).nonzero()[:, 0]

    def row(self, parts: Sequence[Tensor]) -> Tensor:
        """One row (1, T, …) of parts (pairs, length, …)."""
        return torch.cat([part.flatten(0, 1) for part in parts])[None]

    def split(self, row: Tensor) -> list[Tensor]:
        """The parts, (pairs, length, …), of a row (1, T, …); views of it."""
        parts = row[0].split(list(self.n_tokens))
        return [part.unflatten(0, mask.shape) for part, mask in zip(parts, self.masks, strict=True)]

    def at_first(self, row: Tensor) -> Tensor:
        """The first tokens' states, (P, 1, H), of a row (1, T, H)."""
        return row[0, self.first][:, None]

    def positions(self, begin: int) -> Tensor:
        """Position of each token in its pair, int64 (1, T), the first one's being ``begin``."""
        return self.row([torch.arange(begin, begin + mask.shape[1]).expand(mask.shape) for mask in self.masks])


def packed_inputs(parts: Sequence[Mapping[str, Tensor]], begin: int) -> tuple[Pack, dict[str, Tensor]]:
    """A pack and the inputs of a model, int64 (1, T) by name, of parts' inputs (pairs, length); no attention mask.

    begin: number of the first token's position.
    """
    pack = Pack([part["attention_mask"].bool() for part in parts])
    inputs = {name: pack.row([part[name] for part in parts]) for name in parts[0] if name != "attention_mask"}
    return pack, {**inputs, "position_ids": pack.positions(begin)}
