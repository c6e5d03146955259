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
    keys: list[bytes]
    """What names each of the texts: its tokens."""

    @classmethod
    def of(cls, texts: Sequence[Text], tokens: Sequence[Tensor]) -> DistinctTexts:
        """Find them by the tokens int64 (B, n) of each of the texts."""
        found = [_different(text, ids) for text, ids in zip(texts, tokens, strict=True)]
        kinds, ids, rows, keys = zip(*found, strict=True)
        return cls(list(kinds), torch.cat(ids), list(rows), [key for each in keys for key in each])

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

    def only(self, wanted: Tensor) -> DistinctTexts:
        """The texts that are wanted, bool (D,), without names and pairs."""
        texts = [text.rows(own) for text, own in zip(self.texts, wanted.split(self.sizes), strict=True)]
        return DistinctTexts(texts, self.ids[wanted.repeat_interleave(self.lengths)], [], [])

    def of_pairs(self, values: Sequence[Tensor]) -> list[Tensor]:
        """Give each pair, (B, ...), what was computed of its texts, (D, ...).

        By index_select: gradients of rows that are indexed otherwise are added up in any order.
        """
        return [each.index_select(0, rows) for each, rows in zip(values, self.rows, strict=True)]


def _different(text: Text, ids: Tensor) -> tuple[Text, Tensor, Tensor, list[bytes]]:
    """The different rows of a text, their tokens int64 (N,), the row that each pair's text is, and what names them.

    By a dict of bytes, as torch's unique rows are sorted.
    """
    known = text.known
    flat, ends = ids[known], (text.lengths.cumsum(0) * ids.element_size()).tolist()
    tokens = flat.numpy().tobytes()
    keys = [tokens[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]
    firsts: dict[bytes, int] = {}
    for place, key in enumerate(keys):
        firsts.setdefault(key, place)
    if len(firsts) == len(keys):
        return text, flat, torch.arange(len(keys)), keys
    first, numbers = torch.tensor(list(firsts.values())), {key: number for number, key in enumerate(firsts)}
    return text.rows(first), ids[first][known[first]], torch.tensor([numbers[key] for key in keys]), list(firsts)
