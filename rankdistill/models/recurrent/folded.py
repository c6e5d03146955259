"""FoldedLSTM: logits by a BiLSTM whose input weights are multiplied with a word's embedding once, not at each token."""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any

import torch
from torch import Tensor

from rankdistill.models.changes import state_of
from rankdistill.models.kernels.lstm_cell import lstm_cell
from rankdistill.models.recurrent.bilstm import BiLSTMForSequenceClassification, compared
from rankdistill.models.recurrent.texts import Text, texts_of

WORDS = 512
"""Words that are multiplied together: a product's last bits depend on its size, and none on what was read before."""
MOST_BYTES = 1 << 29
"""Of the products of the whole vocabulary; with more of them nothing is folded."""


def can_fold(model: Any) -> bool:
    """Whether a model is a BiLSTM student, with a vocabulary that is not too large."""
    if not isinstance(model, BiLSTMForSequenceClassification):
        return False
    return int(model.config.vocab_size) * 8 * int(model.config.lstm_size) * 4 <= MOST_BYTES


class FoldedLSTM:
    """Logits of batches by a BiLSTM student on a CPU in float32, without gradients.

    What a token adds to an LSTM's gates depends on its word alone, so it is computed for a word when that is first
    read, and kept: (V, 4·H) for each direction, of which only blocks that were read take memory. What is left at a
    token is the product with the state before it. Rows are in the order of their lengths, and those that have ended
    are left out of a step.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self._can = can_fold(model)
        self._known: tuple[Any, list[Tensor], Tensor] | None = None
        self._fills = Lock()  # threads that need the same words wait for them

    def logits(self, inputs: Mapping[str, Tensor], dtype: str) -> Tensor | None:
        """Compute logits float32 (B, n_logits) of a padded batch; None for another model, dtype or device.

        inputs: int64 (B, L), input_ids and what else the model takes.
        """
        ids = inputs["input_ids"]
        if not self._can or dtype != "float32" or ids.device.type != "cpu" or self.model.dtype != torch.float32:
            return None
        texts = texts_of(ids, inputs.get("attention_mask"), inputs.get("token_type_ids"), self.model.config.n_texts)
        gates = self._gates_of(ids)
        states = [self._last(text.take(ids), text, gates) for text in texts]
        logits: Tensor = self.model.logits_of(compared(states))
        return logits

    def _last(self, words: Tensor, text: Text, gates: list[Tensor]) -> Tensor:
        """The last states of both directions, (B, 2·H), of words int64 (B, n)."""
        lstm = self.model.lstm
        order = text.lengths.argsort(descending=True, stable=True)
        lengths = text.lengths[order]
        active = (lengths[:, None] > torch.arange(words.shape[1])).sum(0).tolist()
        found = []
        for of_words, direction, turned in (
            (gates[0], lstm.onwards, words),
            (gates[1], lstm.backwards, words.gather(1, text.backwards)),
        ):
            hidden = _steps(of_words, turned[order].t().contiguous(), active, direction.weight_hh_l0)
            last = torch.empty_like(hidden)
            last[order] = hidden
            found.append(last)
        return torch.cat(found, dim=-1)

    def _gates_of(self, ids: Tensor) -> list[Tensor]:
        """What words add to the gates, (V, 4·H) for each direction, computed for all that are among ``ids``."""
        model = self.model
        directions = (model.lstm.onwards, model.lstm.backwards)
        n_words, state = model.config.vocab_size, state_of(model)
        with self._fills:
            if self._known is None or self._known[0] != state:
                gates = [torch.empty(n_words, len(each.weight_ih_l0)) for each in directions]
                self._known = state, gates, torch.zeros(-(-n_words // WORDS), dtype=torch.bool)
            _, gates, filled = self._known
            read = torch.unique(ids // WORDS)
            for block in read[~filled[read]].tolist():
                rows = slice(block * WORDS, min(n_words, (block + 1) * WORDS))
                embedded = model.embed(torch.arange(rows.start, rows.stop)[None])[0]
                for of_words, lstm in zip(gates, directions, strict=True):
                    bias = lstm.bias_ih_l0 + lstm.bias_hh_l0
                    torch.addmm(bias, embedded, lstm.weight_ih_l0.t(), out=of_words[rows])
                filled[block] = True
        return gates


def _steps(gates: Tensor, words: Tensor, active: list[int], weights: Tensor) -> Tensor:
    """Run an LSTM over words int64 (n, B), of which ``active`` rows are in each step; its states (B, H) at the end."""
    n_rows, size = words.shape[1], weights.shape[1]
    hidden, cell = torch.zeros(n_rows, size), torch.zeros(n_rows, size)
    step = torch.empty(n_rows, 4 * size)
    arrays, turned = (step.numpy(), hidden.numpy(), cell.numpy()), weights.t()
    for row, n_active in zip(words, active, strict=True):
        if not n_active:
            break
        now = step[:n_active]
        torch.index_select(gates, 0, row[:n_active], out=now)
        now.addmm_(hidden[:n_active], turned)
        lstm_cell(*arrays, n_active)
    return hidden
