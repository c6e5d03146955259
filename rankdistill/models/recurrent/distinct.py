"""DistinctTexts: the different texts of a batch, packed, so that a query that many pairs share is read once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from rankdistill.models.recurrent.packed import PackedTexts
from rankdistill.models.recurrent.texts import Text


@dataclass(frozen=True, eq=False)
class DistinctTexts:
    """The different first texts of B pairs, and the different second ones, if there are any."""

    texts: list[Text]
    ids: Tensor
    """int64 (N,): the tokens of all, in the order of texts."""
    rows: list[Tensor]
    """int64 (B,) for first and second texts: the row that each pair's is."""

    @classmethod
    def of(cls, texts: Sequence[Text], tokens: Sequence[Tensor]) -> DistinctTexts:
        """Find them by the tokens int64 (B, n) of each of the texts."""
        found = [_different(text, ids) for text, ids in zip(texts, tokens, strict=True)]
        return cls([text for text, _, _ in found], torch.cat([ids for _, ids, _ in found]), [row for *_, row in found])

    @cached_property
    def packed(self) -> PackedTexts:
        """All of them, packed together."""
        return PackedTexts.of(self.texts)

    @property
    def sizes(self) -> list[int]:
        """How many first and second texts differ."""
        return [len(text.lengths) for text in self.texts]

    @property
    def lengths(self) -> Tensor:
        """int64 (D,): tokens of each."""
        return torch.cat([text.lengths for text in self.texts])

    @property
    def keys(self) -> list[bytes]:
        """What names each of the texts: its tokens."""
        ends = self.lengths.cumsum(0).tolist()
        tokens = self.ids.numpy()
        return [tokens[start:end].tobytes() for start, end in zip([0, *ends[:-1]], ends, strict=True)]

    def only(self, wanted: Tensor) -> DistinctTexts:
        """The texts that are wanted, bool (D,), of no pairs."""
        texts = [text.rows(own) for text, own in zip(self.texts, wanted.split(self.sizes), strict=True)]
        return DistinctTexts(texts, self.ids[wanted.repeat_interleave(self.lengths)], [])

    def of_pairs(self, values: Sequence[Tensor]) -> list[Tensor]:
        """Give each pair, (B, ...), what was computed of its texts, (D, ...).

        By index_select: gradients of rows that are indexed otherwise are added up in any order.
        """
        return [each.index_select(0, rows) for each, rows in zip(values, self.rows, strict=True)]


def _different(text: Text, ids: Tensor) -> tuple[Text, Tensor, Tensor]:
    """The different rows of a text, their tokens int64 (N,), and the row that each pair's text is, int64 (B,)."""
    known = text.known
    kinds, rows = ids.masked_fill(~known, -1).unique(dim=0, return_inverse=True)
    each = torch.arange(len(ids), device=ids.device)
    if len(kinds) == len(ids):
        return text, ids[known], each
    first = rows.new_empty(len(kinds)).scatter_(0, rows.flip(0), each.flip(0))
    return text.rows(first), ids[first][known[first]], rows
