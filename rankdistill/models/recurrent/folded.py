"""FoldedLSTM: logits by a BiLSTM whose input weights are multiplied with a word's embedding once, not at each token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any

import torch
from torch import Tensor

from rankdistill.lru_cache import LRUCache
from rankdistill.models.changes import state_of
from rankdistill.models.kernels.lstm_cell import lstm_cell
from rankdistill.models.recurrent.bilstm import BiLSTMForSequenceClassification, compared
from rankdistill.models.recurrent.distinct import DistinctTexts
from rankdistill.models.recurrent.texts import texts_of

WORDS = 512
"""Words that are multiplied together: a product's last bits depend on its size, and none on what was read before."""
MOST_BYTES = 1 << 31
"""Of the products of the whole vocabulary, of which blocks that were read take memory; with more of them nothing is
folded. XLM-R's 250,002 words at 150 hidden units are 1.2 GB."""


def _can_fold(model: Any) -> bool:
    """Whether a model is a BiLSTM student of torch's own LSTMs, with a vocabulary that is not too large."""
    if not isinstance(model, BiLSTMForSequenceClassification) or not model.lstm.is_plain:
        return False
    return int(model.config.vocab_size) * 8 * int(model.config.lstm_size) * 4 <= MOST_BYTES


@dataclass(frozen=True, eq=False)
class _Made:
    """What was made of a model's weights."""

    state: Any
    """Of the weights, see `state_of`."""
    gates: list[Tensor]
    """(V, 4·H) for each direction: what words add to the gates, where blocks of them are filled."""
    filled: Tensor
    """bool, for each block of `WORDS` words."""
    steps: Tensor
    """(2, H, 4·H): what the state before adds to the gates of either direction."""
    kept: LRUCache[bytes, Tensor]
    """Texts, by their tokens, and their last states (2·H,)."""


class FoldedLSTM:
    """Logits of batches by a BiLSTM student on a CPU in float32, without gradients.

    What a token adds to an LSTM's gates depends on its word alone, so it is computed for a word when that is first
    read, and kept: (V, 4·H) for each direction, of which only blocks that were read take memory. What is left at a
    token is the product with the state before it. Each different text is read once, such as the query of many pairs;
    rows are in the order of their lengths, and those that have ended are left out of a step.

    kept_texts: most texts whose last states are kept, so that one that comes in a later batch is not read again. The
    last bits of a score then depend on the batch that a text was read in.
    """

    def __init__(self, model: Any, kept_texts: int = 0) -> None:
        self.model = model
        self.can = _can_fold(model)
        self._kept_texts = kept_texts
        self._known: _Made | None = None
        self._changes = Lock()  # threads that need the same words wait for them

    def keep_texts(self, most: int) -> None:
        """Keep the states of another number of texts, from none on; what was made of words stays."""
        with self._changes:
            self._kept_texts = most
            if self._known is not None:
                self._known = replace(self._known, kept=LRUCache(most))

    def logits(self, inputs: Mapping[str, Tensor], dtype: str) -> Tensor | None:
        """Compute logits float32 (B, n_logits) of a padded batch; None for another model, dtype or device.

        inputs: int64 (B, L), input_ids and what else the model takes.
        """
        ids = inputs["input_ids"]
        if not self.can or dtype != "float32" or ids.device.type != "cpu" or self.model.dtype != torch.float32:
            return None
        texts = texts_of(ids, inputs.get("attention_mask"), inputs.get("token_type_ids"), self.model.config.n_texts)
        read = DistinctTexts.of(texts, [text.take(ids) for text in texts])
        states = self._states(read).split(read.sizes)
        logits: Tensor = self.model.logits_of(compared(read.of_pairs(states)))
        return logits

    def _states(self, read: DistinctTexts) -> Tensor:
        """The last states of both ways, (D, 2·H) of all texts; those that are kept are not computed again."""
        made = self._made()
        if not self._kept_texts:
            return self._last(made, read)
        keys = read.keys
        found = made.kept.of(keys)
        new = torch.tensor([each is None for each in found])
        if new.any():
            states = self._last(made, read.only(new))
            read_now = [key for key, each in zip(keys, found, strict=True) if each is None]
            made.kept.keep(read_now, map(torch.clone, states))  # each in memory of its own, which a dropped one frees
            computed = iter(states)
            found = [next(computed) if each is None else each for each in found]
        return torch.stack([each for each in found if each is not None])

    def _last(self, made: _Made, read: DistinctTexts) -> Tensor:
        """Compute the last states of both ways, (D, 2·H) of all texts."""
        self._fill(made, read.ids)
        gates, packed = made.gates, read.packed
        words = packed.both_ways(read.ids)
        n_rows, weights = len(packed.order), made.steps
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

    def _made(self) -> _Made:
        """What was made of the weights that the model has now."""
        model, state = self.model, state_of(self.model)
        with self._changes:
            if self._known is None or self._known.state != state:
                n_words, size = model.config.vocab_size, 4 * model.config.lstm_size
                gates = [torch.empty(n_words, size) for _ in range(2)]
                filled = torch.zeros(-(-n_words // WORDS), dtype=torch.bool)
                lstm = model.lstm
                steps = torch.stack([lstm.onwards.weight_hh_l0.t(), lstm.backwards.weight_hh_l0.t()])
                self._known = _Made(state, gates, filled, steps, LRUCache(self._kept_texts))
            return self._known

    def _fill(self, made: _Made, ids: Tensor) -> None:
        """Compute what words add to the gates, for all that are among ``ids`` and have not been read."""
        model, n_words = self.model, self.model.config.vocab_size
        with self._changes:
            read = torch.unique(ids // WORDS)
            for block in read[~made.filled[read]].tolist():
                rows = slice(block * WORDS, min(n_words, (block + 1) * WORDS))
                embedded = model.embed(torch.arange(rows.start, rows.stop)[None])[0]
                for of_words, lstm in zip(made.gates, (model.lstm.onwards, model.lstm.backwards), strict=True):
                    bias = lstm.bias_ih_l0 + lstm.bias_hh_l0
                    torch.addmm(bias, embedded, lstm.weight_ih_l0.t(), out=of_words[rows])
                made.filled[block] = True
