"""What the recurrent students share: embeddings in one or two channels, a layer before the logits, initial weights."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers import initialization as init
from transformers.modeling_outputs import SequenceClassifierOutput

from rankdistill.models.recurrent.config import BiLSTMConfig
from rankdistill.models.recurrent.lstm import BiLSTM
from rankdistill.models.recurrent.packed import can_pack_texts
from rankdistill.models.recurrent.texts import Text, texts_of

UNKNOWN = 0.25
"""Words without a vector are drawn evenly from -UNKNOWN to UNKNOWN, as in Kim 2014."""


class RecurrentForSequenceClassification(PreTrainedModel, ABC):
    """Texts of tokens to logits by a vector of them, which subclasses compute in `vector` and `packed_vector`.

    A pair's two texts are its segments 0 and 1; special tokens belong to the segment that the tokenizer says. Logits do
    not depend on padding, nor on the other pairs of a batch.
    """

    config: BiLSTMConfig
    base_model_prefix = ""
    encoder_parts: tuple[str, ...]
    """Names of the modules that make the vector; the others are the head."""

    def __init__(self, config: BiLSTMConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        self.embeddings = nn.Embedding(config.vocab_size, config.embedding_size)
        if config.channels == 2:
            self.frozen = nn.Embedding(config.vocab_size, config.embedding_size)
        self.make(config)
        self.dropout = nn.Dropout(config.dropout)
        self.dense = nn.Linear(config.hidden_size, config.dense_size)
        self.classifier = nn.Linear(config.dense_size, int(config.num_labels or 0))
        self.post_init()
        self.train(self.training)

    def train(self, mode: bool = True) -> Any:
        """Set the mode as torch does; the frozen channel stays frozen, which a model just loaded does not know."""
        if self.config.channels == 2:
            self.frozen.weight.requires_grad_(False)
        return super().train(mode)

    @abstractmethod
    def make(self, config: Any) -> None:
        """Make the modules of the subclass."""

    @abstractmethod
    def vector(self, embedded: list[Tensor], texts: list[Text]) -> Tensor:
        """Compute the vector (B, hidden_size) of each row's texts, from the embeddings (B, n, ·) of each."""

    @abstractmethod
    def packed_vector(self, tokens: list[Tensor], texts: list[Text]) -> Tensor:
        """Compute `vector` by packed texts, from the tokens int64 (B, n) of each."""

    def words_of(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Look the words of tokens int64 (N,) up, each once, (U, ·), and find each token's place there, int64 (N,)."""
        words, places = torch.unique(ids, return_inverse=True)
        return self.embed(words), places

    @property
    def can_pack(self) -> bool:
        """Whether texts are packed now, see `can_pack_texts`."""
        lstms = (each for each in self.modules() if isinstance(each, BiLSTM))
        return can_pack_texts(self.device, self.dtype) and all(each.is_plain for each in lstms)

    def embed(self, ids: Tensor) -> Tensor:
        """Look tokens of any shape up, (..., channels · embedding_size)."""
        tuned = self.embeddings(ids)
        if self.config.channels == 1:
            return tuned
        return torch.cat([self.frozen(ids).to(tuned.dtype), tuned], dim=-1)

    def logits_of(self, vector: Tensor) -> Tensor:
        """Compute logits (B, n_logits) of the vector (B, hidden_size) of each row's texts."""
        logits: Tensor = self.classifier(torch.relu(self.dense(self.dropout(vector))))
        return logits

    def get_input_embeddings(self) -> nn.Embedding:
        """The embeddings that are trained."""
        return self.embeddings

    def set_input_embeddings(self, value: Any) -> None:
        """Replace the embeddings that are trained."""
        self.embeddings = value

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Compute logits float (B, n_logits) of tokens int64 (B, L).

        The hidden states are the embeddings (B, L, ·) and the vector (B, 1, hidden_size) that heads read.
        """
        texts = texts_of(input_ids, attention_mask, token_type_ids, self.config.n_texts)
        tokens = [text.take(input_ids) for text in texts]
        if self.can_pack:
            vector = self.packed_vector(tokens, texts)
        else:
            vector = self.vector([self.embed(ids) for ids in tokens], texts)
        logits = self.logits_of(vector)
        states = (self.embed(input_ids), vector[:, None]) if output_hidden_states else None
        if return_dict is False:
            return (logits,) if states is None else (logits, states)
        return SequenceClassifierOutput(logits=logits, hidden_states=states)

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Draw the weights that a folder lacks; transformers calls this module by module."""
        if isinstance(module, nn.Embedding):
            init.uniform_(module.weight, -UNKNOWN, UNKNOWN)
        elif isinstance(module, nn.Linear):
            init.xavier_uniform_(module.weight)
            init.zeros_(module.bias)
        elif isinstance(module, nn.LSTM):
            for name, weight in module.named_parameters():
                if "weight" in name:
                    init.xavier_uniform_(weight)
                else:
                    init.zeros_(weight)


def is_recurrent(model: Any) -> bool:
    """Whether a model is a recurrent student."""
    return isinstance(model, RecurrentForSequenceClassification)
