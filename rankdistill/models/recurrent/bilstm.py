"""The BiLSTM student: one bidirectional LSTM for a text, the same one for both texts of a pair."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rankdistill.models.recurrent.config import BiLSTMConfig
from rankdistill.models.recurrent.distinct import DistinctTexts
from rankdistill.models.recurrent.lstm import BiLSTM
from rankdistill.models.recurrent.network import RecurrentForSequenceClassification
from rankdistill.models.recurrent.texts import Text


class BiLSTMForSequenceClassification(RecurrentForSequenceClassification):
    """Last states h of both directions of one text, or of two compared: [h1, h2, h1⊙h2, |h1-h2|]; FC, ReLU, logits.

    Source: LSTM-KD §3.1.2, eq. 3.1 and 3.2 (docs/papers.md).
    """

    config: BiLSTMConfig
    config_class = BiLSTMConfig
    encoder_parts = ("embeddings", "frozen", "lstm")

    def make(self, config: Any) -> None:
        """Make the LSTM, which both texts of a pair share."""
        self.lstm = BiLSTM(config.embedded_size, config.lstm_size)

    def vector(self, embedded: list[Tensor], texts: list[Text]) -> Tensor:
        """Compute h, or two texts compared."""
        return compared([self.lstm.last(inputs, text) for inputs, text in zip(embedded, texts, strict=True)])

    def packed_vector(self, tokens: list[Tensor], texts: list[Text]) -> Tensor:
        """Compute the same by packed texts, each different one once."""
        read = DistinctTexts.of(texts, tokens)
        states = self.lstm.packed(*self.words_of(read.ids), read.packed)
        return compared(read.of_pairs(read.packed.last(states)))


def compared(states: list[Tensor]) -> Tensor:
    """The vector of one text's states (B, W), as they are, or of two texts' side by side, (B, 4·W)."""
    if len(states) == 1:
        return states[0]
    first, second = states
    return torch.cat([first, second, first * second, (first - second).abs()], dim=-1)
