"""A bidirectional LSTM, whose states do not depend on padding, over padded texts or over packed ones.

Two LSTMs of one direction each run over padded rows: the second reads each text from its own end, so that padding comes
after all that is read of either. That needs no lengths inside the LSTM, and every engine and device runs it: OpenVINO's
plugin for CPUs ignores lengths where shapes are dynamic. On a CPU in float32 `packed` does the same with less work.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rankdistill.models.recurrent.packed import PackedTexts
from rankdistill.models.recurrent.steps import states_of
from rankdistill.models.recurrent.texts import Text


class BiLSTM(nn.Module):
    """One layer of both directions.

    ``forward`` gives all states of padded texts, and ``last`` each direction's last one: on any device, in any dtype
    and in graphs that are exported. ``packed`` gives those of packed texts.
    """

    def __init__(self, n_inputs: int, size: int) -> None:
        super().__init__()
        self.onwards = nn.LSTM(n_inputs, size, batch_first=True)
        self.backwards = nn.LSTM(n_inputs, size, batch_first=True)

    def forward(self, inputs: Tensor, text: Text) -> Tensor:
        """Compute the states of tokens (B, n, inputs): (B, n, 2·size), 0 beyond a text's end."""
        onwards, backwards = self._states(inputs, text)
        states = torch.cat([onwards, _take(backwards, text.backwards)], dim=-1)
        return states * text.known[..., None].to(states.dtype)

    def last(self, inputs: Tensor, text: Text) -> Tensor:
        """Compute the states after a text's last and first token: (B, 2·size), 0 for a text without a token."""
        end = (text.lengths - 1).clamp(min=0)[:, None]
        states = torch.cat([_take(each, end)[:, 0] for each in self._states(inputs, text)], dim=-1)
        return states * (text.lengths > 0)[:, None].to(states.dtype)

    @property
    def is_plain(self) -> bool:
        """Whether both are torch's own LSTMs, and not what a tool put in their place, whose weights lie elsewhere."""
        return type(self.onwards) is type(self.backwards) is nn.LSTM

    def packed(self, vectors: Tensor, places: Tensor, packed: PackedTexts) -> Tensor:
        """Compute the states of packed texts, (2, N, size): of tokens that are the rows ``places`` (N,) of vectors."""
        return states_of(self.onwards, self.backwards, vectors, places, packed)

    def _states(self, inputs: Tensor, text: Text) -> tuple[Tensor, Tensor]:
        """Run both directions, the second over the tokens from each text's last to its first."""
        onwards, _ = self.onwards(inputs)
        backwards, _ = self.backwards(_take(inputs, text.backwards))
        return onwards, backwards


def _take(values: Tensor, places: Tensor) -> Tensor:
    """Take the rows (B, m, width) at ``places`` (B, m) of values (B, n, width)."""
    return values.gather(1, places[..., None].expand(-1, -1, values.shape[-1]))
