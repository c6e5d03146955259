"""PackedTexts: the tokens of a batch's texts in the order in which the steps of an LSTM read them, without padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from rankdistill.models.recurrent.texts import Text


def can_pack_texts(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether a network of such weights packs its texts: on a CPU in float32, and not in a graph for other inputs."""
    traced = torch.jit.is_tracing() or torch.compiler.is_compiling()
    return device.type == "cpu" and dtype == torch.float32 and not traced


@dataclass(frozen=True, eq=False)
class PackedTexts:
    """Rows of one or several texts, the longest first, of which a step of an LSTM reads those that have not ended.

    Tokens have two orders: as in the texts, one row after the other, which `flat` gives, and by steps, as an LSTM's
    states are: the first step's tokens of all rows, then the second's of the rows that are longer than one token.
    """

    texts: Sequence[Text]
    lengths: Tensor
    """int64 (R,), of the rows of all texts, 0 for one without a token."""
    order: Tensor
    """int64 (R,): the rows, the longest first."""
    active: list[int]
    """Rows that each step reads; the first ones of ``order``."""
    onwards: Tensor
    """int64 (N,): of each token by steps its place in the order of texts, where rows are read from their starts."""
    backwards: Tensor
    """int64 (N,): the same where rows are read from their ends."""

    @classmethod
    def of(cls, texts: Sequence[Text]) -> PackedTexts:
        """Order the tokens of texts, each of as many rows as it has."""
        lengths = torch.cat([text.lengths for text in texts])
        order = lengths.argsort(descending=True, stable=True)
        ordered = lengths[order]
        steps = torch.arange(int(lengths.max()), device=lengths.device)[:, None]
        reads = steps < ordered
        starts = (lengths.cumsum(0) - lengths)[order]
        onwards, backwards = starts + steps, starts + ordered - 1 - steps
        return cls(texts, lengths, order, reads.sum(1).tolist(), onwards[reads], backwards[reads])

    def flat(self, values: Sequence[Tensor]) -> Tensor:
        """Take the tokens' values, (N, ...), in the order of texts, of those of each text, (B, n, ...)."""
        return torch.cat([each[text.known] for each, text in zip(values, self.texts, strict=True)])

    def both_ways(self, values: Tensor) -> list[Tensor]:
        """Take the values (N, ...) of tokens in the order of texts by steps, as either way reads them."""
        return [values[order] for order in (self.onwards, self.backwards)]

    def padded(self, states: Tensor) -> list[Tensor]:
        """Take the states (B, n, 2·H) of each text's tokens of those by steps, (2, N, H): 0 beyond a text's end."""
        size = states.shape[2]
        flat = torch.cat([states[way].index_select(0, places) for way, places in enumerate(self._by_text)], dim=-1)
        counts = [int(text.lengths.sum()) for text in self.texts]
        found = []
        for text, own in zip(self.texts, flat.split(counts), strict=True):
            rows = flat.new_zeros(text.places.numel(), 2 * size)
            at = text.known.flatten().nonzero()[:, 0]
            found.append(rows.index_copy(0, at, own).view(*text.places.shape, 2 * size))
        return found

    def last(self, states: Tensor) -> list[Tensor]:
        """Take the last states of both ways, (B, 2·H) of each text, of all by steps, (2, N, H); 0 without a token."""
        both = states.new_zeros(len(self.lengths), 2 * states.shape[2])
        some = self.order[self.lengths[self.order] > 0]
        starts = some.new_tensor([0, *self.active]).cumsum(0)
        ends = starts[self.lengths[some] - 1] + torch.arange(len(some), device=some.device)
        both = both.index_copy(0, some, torch.cat([way.index_select(0, ends) for way in states], dim=-1))
        return list(both.split([len(text.lengths) for text in self.texts]))

    @cached_property
    def _by_text(self) -> tuple[Tensor, Tensor]:
        """int64 (N,) for either way: of each token in the order of texts its place by steps."""
        return self.onwards.argsort(), self.backwards.argsort()
