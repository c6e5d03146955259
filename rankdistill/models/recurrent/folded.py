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
from rankdistill.models.recurrent.distinct import DistinctTexts
from rankdistill.models.recurrent.packed import PackedTexts
from rankdistill.models.recurrent.texts import texts_of

WORDS = 512
"""Words that are multiplied together: a product's last bits depend on its size, and none on what was read before."""
MOST_BYTES = 1 << 29
"""Of the products of the whole vocabulary; with more of them nothing is folded."""


def _can_fold(model: Any) -> bool:
    """Whether a model is a BiLSTM student of torch's own LSTMs, with a vocabulary that is not too large."""
    if not isinstance(model, BiLSTMForSequenceClassification) or not model.lstm.is_plain:
        return False
    return int(model.config.vocab_size) * 8 * int(model.config.lstm_size) * 4 <= MOST_BYTES


class FoldedLSTM:
    """Logits of batches by a BiLSTM student on a CPU in float32, without gradients.

    What a token adds to an LSTM's gates depends on its word alone, so it is computed for a word when that is first
    read, and kept: (V, 4·H) for each direction, of which only blocks that were read take memory. What is left at a
    token is the product with the state before it. Each different text is read once, such as the query of many pairs;
    rows are in the order of their lengths, and those that have ended are left out of a step.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self._can = _can_fold(model)
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
        read = DistinctTexts.of(texts, [text.take(ids) for text in texts])
        last = self._last(self._gates_of(ids), read.packed.both_ways(read.ids), read.packed)
        states = last.split([len(text.lengths) for text in read.packed.texts])
        logits: Tensor = self.model.logits_of(compared(read.of_pairs(states)))
        return logits

    def _last(self, gates: list[Tensor], words: list[Tensor], packed: PackedTexts) -> Tensor:
        """The last states of both ways, (R, 2·H) of all rows, of words int64 (N,) of either way by steps."""
        lstm, n_rows = self.model.lstm, len(packed.order)
        weights = torch.stack([lstm.onwards.weight_hh_l0, lstm.backwards.weight_hh_l0]).transpose(1, 2)
        hidden, cell = (torch.zeros(2, n_rows, weights.shape[1]) for _ in range(2))
        step = torch.empty(2, n_rows, weights.shape[2])
        arrays, first = (step.numpy(), hidden.numpy(), cell.numpy()), 0
        for n_active in packed.active:
            now = step[:, :n_active]
            for way in range(2):
                torch.index_select(gates[way], 0, words[way][first : first + n_active], out=now[way])
            now.baddbmm_(hidden[:, :n_active], weights)
            lstm_cell(*arrays, n_active)
            first += n_active
        last = torch.empty(n_rows, 2 * weights.shape[1])
        last[packed.order] = torch.cat([hidden[0], hidden[1]], dim=-1)
        return last

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
