"""DistinctTexts: the different texts of a batch, packed, so that a query that many pairs share is read once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from rankdistill.models.recurrent.packed import PackedTexts
from rankdistill.models.recurrent.texts import Text


@dataclass(frozen=True, eq=False)
class DistinctTexts:
    """The different first texts of B pairs, and the different second ones, if there are any."""

    packed: PackedTexts
    ids: Tensor
    """int64 (N,): their tokens, in the order of texts."""
    rows: list[Tensor]
    """int64 (B,) for first and second texts: the row that each pair's is."""

    @classmethod
    def of(cls, texts: Sequence[Text], tokens: Sequence[Tensor]) -> DistinctTexts:
        """Find them by the tokens int64 (B, n) of each of the texts."""
        found = [_different(text, ids) for text, ids in zip(texts, tokens, strict=True)]
        packed = PackedTexts.of([text for text, _, _ in found])
        return cls(packed, packed.flat([ids for _, ids, _ in found]), [rows for _, _, rows in found])

    def of_pairs(self, values: Sequence[Tensor]) -> list[Tensor]:
        """Give each pair, (B, ...), what was computed of its texts, (D, ...).

        By index_select: gradients of rows that are indexed otherwise are added up in any order.
        """
        return [each.index_select(0, rows) for each, rows in zip(values, self.rows, strict=True)]


def _different(text: Text, ids: Tensor) -> tuple[Text, Tensor, Tensor]:
    """The different rows of a text, their tokens int64 (D, n), and the row that each pair's text is, int64 (B,)."""
    own = ids.masked_fill(~text.known, -1)
    kinds, rows = own.unique(dim=0, return_inverse=True)
    each = torch.arange(len(own), device=ids.device)
    if len(kinds) == len(own):
        return text, ids, each
    first = rows.new_empty(len(kinds)).scatter_(0, rows.flip(0), each.flip(0))
    return Text(text.places[first], text.lengths[first], text.backwards[first]), ids[first], rows
