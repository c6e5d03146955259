"""Configs of the students: their shapes, as ``config.json`` states them."""

from __future__ import annotations

from typing import Any

from huggingface_hub.dataclasses import strict
from transformers import PreTrainedConfig
from transformers.models.bert.configuration_bert import BertConfig

MOST = 1_000_000
"""Greatest size of a layer that a config may state."""


@strict
class BiLSTMConfig(PreTrainedConfig):
    """Shape of `BiLSTMForSequenceClassification`. Raises `ValueError` for sizes that cannot be."""

    model_type = "rankdistill-bilstm"

    vocab_size: int = 30522
    embedding_size: int = 300
    """Numbers of a word in one channel."""
    channels: int = 1
    """1: embeddings that are trained; 2: beside them the same ones as they were at the start, frozen."""
    lstm_size: int = 150
    """Hidden units of one direction."""
    dense_size: int = 200
    """Units of the layer between the LSTM's vector and the logits."""
    dropout: float | int = 0.1
    """Of the inputs of that layer."""
    n_texts: int = 2
    """1: all tokens are one text; 2: segments 0 and 1 are two texts."""
    num_hidden_layers: int = 1
    pad_token_id: int | None = 0

    def __post_init__(self, **kwargs: Any) -> None:
        super().__post_init__(**kwargs)
        for name in ("vocab_size", "embedding_size", "lstm_size", "dense_size"):
            if not 1 <= getattr(self, name) <= MOST * 10:
                raise ValueError(f"{name} must be from 1 to {MOST * 10:,}, got {getattr(self, name)}")
        for name in ("channels", "n_texts"):
            if getattr(self, name) not in (1, 2):
                raise ValueError(f"{name} must be 1 or 2, got {getattr(self, name)}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, got {self.dropout}")

    @property
    def type_vocab_size(self) -> int:
        """Segments that the model tells apart."""
        return self.n_texts

    @property
    def embedded_size(self) -> int:
        """Width of a token's embeddings, of all channels."""
        return self.channels * self.embedding_size

    @property
    def hidden_size(self) -> int:
        """Width of the vector that a head reads: both directions' last states of one text, or two texts compared."""
        return 2 * self.lstm_size * (1 if self.n_texts == 1 else 4)


@strict
class BiAttentiveConfig(BiLSTMConfig):
    """Shape of `BiAttentiveForSequenceClassification`."""

    model_type = "rankdistill-biattentive"

    lstm_size: int = 256
    dense_size: int = 512
    num_hidden_layers: int = 2

    @property
    def hidden_size(self) -> int:
        """Width of the vector that a head reads: greatest, mean and self-attentive states of two texts."""
        return 12 * self.lstm_size


@strict
class LayerMeanConfig(BertConfig):
    """Shape of `LayerMeanForSequenceClassification`: BERT's, and the layer before the logits."""

    model_type = "rankdistill-layer-mean"

    dense_size: int = 512
    """Units of the layer between the mean of the [CLS] vectors and the logits."""
