"""The bi-attentive student: each text's states beside what the other text says of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from rankdistill.models.recurrent.config import BiAttentiveConfig
from rankdistill.models.recurrent.distinct import DistinctTexts
from rankdistill.models.recurrent.lstm import BiLSTM
from rankdistill.models.recurrent.network import RecurrentForSequenceClassification
from rankdistill.models.recurrent.packed import PackedTexts
from rankdistill.models.recurrent.texts import Text


class BiAttentiveForSequenceClassification(RecurrentForSequenceClassification):
    """FC and ReLU on embeddings, BiLSTM, attention both ways, a second BiLSTM, three poolings; FC, ReLU, logits.

    A text's token x attends to the other text's tokens Y: c = Σ softmax(x·Y) Y, and the second BiLSTM reads
    [x, x-c, x⊙c]. Both BiLSTMs are shared by the two texts, self-attention has weights of its own for each. A single
    text is fed as both. Source: LSTM-KD §4.1.2, eq. 4.5 to 4.12 (docs/papers.md). The transposes of eq. 4.8 do not
    conform as printed, and are read as in the biattentive network that the equations are taken from; the pooling is
    eq. 4.12's formula, greatest, mean and self-attentive.
    """

    config: BiAttentiveConfig
    config_class = BiAttentiveConfig
    encoder_parts = ("embeddings", "frozen", "projection", "encoder", "integrator", "attention")

    def make(self, config: Any) -> None:
        """Make both LSTMs, the layer before them and the attention of the pooling."""
        self.projection = nn.Linear(config.embedded_size, config.lstm_size)
        self.encoder = BiLSTM(config.lstm_size, config.lstm_size)
        self.integrator = BiLSTM(6 * config.lstm_size, config.lstm_size)
        self.attention = nn.ModuleList(nn.Linear(2 * config.lstm_size, 1) for _ in range(2))

    def vector(self, embedded: list[Tensor], texts: list[Text]) -> Tensor:
        """Compute [max, mean, self-attentive] of the first text's states, and of the second's."""
        states = [
            self.encoder(torch.relu(self.projection(inputs)), text)
            for inputs, text in zip(embedded, texts, strict=True)
        ]
        return self._pooled(
            [self.integrator(read, text) for read, text in zip(attended(states, texts), texts, strict=True)], texts
        )

    def packed_vector(self, tokens: list[Tensor], texts: list[Text]) -> Tensor:
        """Compute the same by packed texts, of which the first LSTM reads each different one once."""
        read = DistinctTexts.of(texts, tokens)
        words, places = self.words_of(read.ids)
        encoded = self.encoder.packed(torch.relu(self.projection(words)), places, read.packed)
        packed = PackedTexts.of(texts)
        inputs = packed.flat(attended(read.of_pairs(read.packed.padded(encoded)), texts))
        states = self.integrator.packed(inputs, torch.arange(len(inputs), device=inputs.device), packed)
        return self._pooled(packed.padded(states), texts)

    def _pooled(self, states: list[Tensor], texts: Sequence[Text]) -> Tensor:
        """Pool the states of both texts, or those of a single one twice, by attention of either's own."""
        both = list(zip(states, texts, strict=True)) * (2 if len(states) == 1 else 1)
        return torch.cat(
            [pooled(*each, attention) for each, attention in zip(both, self.attention, strict=True)], dim=-1
        )


def attended(states: list[Tensor], texts: Sequence[Text]) -> list[Tensor]:
    """What the second LSTM reads of each text, (B, n, 3·W): [x, x-c, x⊙c], c what x attends to in the other text."""
    found = []
    for own, other, text in zip(states, reversed(states), reversed(texts), strict=True):
        context = masked_softmax(own @ other.transpose(1, 2), text.known[:, None]) @ other
        found.append(torch.cat([own, own - context, own * context], dim=-1))
    return found


def pooled(states: Tensor, text: Text, attention: nn.Module) -> Tensor:
    """Pool states (B, n, W) to [greatest, mean, self-attentive], (B, 3·W); 0 for a text without a token."""
    known = text.known[..., None]
    some = (text.lengths > 0)[:, None].to(states.dtype)
    greatest = states.masked_fill(~known, torch.finfo(states.dtype).min).amax(1) * some
    mean = states.sum(1) / text.lengths.clamp(min=1)[:, None].to(states.dtype)  # states beyond the end are 0
    weights = masked_softmax(attention(states).transpose(1, 2), text.known[:, None])
    return torch.cat([greatest, mean, (weights.to(states.dtype) @ states)[:, 0]], dim=-1)


def masked_softmax(scores: Tensor, known: Tensor) -> Tensor:
    """Softmax over the last dimension where ``known``; 0 elsewhere, and everywhere where nothing is known."""
    weights = scores.masked_fill(~known, torch.finfo(scores.dtype).min).softmax(-1)
    return weights * known.to(weights.dtype)
