"""The texts in a padded batch of pairs, each moved to the left and padded alone; no step depends on a fixed length."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Text:
    """One text of each of B pairs, n tokens at most.

    Everything is computed by operations that a traced graph repeats for other lengths: n is a slice's end there.
    """

    places: Tensor
    """int64 (B, n): of each token in the batch; beyond a text's end any."""
    lengths: Tensor
    """int64 (B,), 0 for a text without a token."""
    backwards: Tensor
    """int64 (B, n): the place, in the text, of the tokens from the last to the first; beyond them 0."""

    @property
    def known(self) -> Tensor:
        """bool (B, n), True where there is a token."""
        return torch.ones_like(self.places).cumsum(1) <= self.lengths[:, None]

    def rows(self, wanted: Tensor) -> Text:
        """The rows of these numbers, int64 (N,), or for which this is True, bool (B,)."""
        return Text(self.places[wanted], self.lengths[wanted], self.backwards[wanted])

    def take(self, values: Tensor) -> Tensor:
        """Take the text's values, (B, n), of those of the batch, (B, L)."""
        return values.gather(1, self.places)


def text_of(inside: Tensor) -> Text:
    """Find the text whose tokens are ``inside``, bool (B, L), a run of each row; rows may have none."""
    counts = inside.long()
    lengths = counts.sum(1)
    before = (counts.cumsum(1) == 0).long().sum(1, keepdim=True)
    steps = torch.ones_like(counts[0]).cumsum(0) - 1
    steps = steps[: lengths.max().clamp(min=1)][None]
    places = torch.minimum(before + steps, torch.ones_like(counts[:, :1]).expand_as(before) * (counts.shape[1] - 1))
    return Text(places, lengths, (lengths[:, None] - 1 - steps).clamp(min=0))


def texts_of(input_ids: Tensor, mask: Tensor | None, segments: Tensor | None, n_texts: int) -> list[Text]:
    """Find the ``n_texts`` texts of a batch int64 (B, L): all tokens that are no padding, or segments 0 and 1 of them.

    Without a mask no token is padding; without segments all are 0, so that a second text has no token.
    """
    mask = torch.ones_like(input_ids) if mask is None else mask
    if n_texts == 1:
        return [text_of(mask > 0)]
    segments = torch.zeros_like(input_ids) if segments is None else segments
    return [text_of((mask > 0) & (segments == place)) for place in range(n_texts)]
