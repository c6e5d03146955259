"""The transformer student: few layers of BERT, of which the [CLS] vectors of all are averaged."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from transformers import BertModel
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.models.bert.modeling_bert import BertPreTrainedModel

from rankdistill.models.recurrent.config import LayerMeanConfig


class LayerMeanForSequenceClassification(BertPreTrainedModel):
    """BERT without a pooler; the mean of its layers' [CLS] vectors (not the embeddings'); FC, ReLU, logits.

    Source: LSTM-KD §4.1.3 (docs/papers.md).
    """

    config: LayerMeanConfig
    config_class = LayerMeanConfig

    def __init__(self, config: LayerMeanConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        self.bert = BertModel(config, add_pooling_layer=False)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.dense = nn.Linear(config.hidden_size, config.dense_size)
        self.classifier = nn.Linear(config.dense_size, int(config.num_labels or 0))
        self.post_init()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Compute logits float (B, n_logits) of tokens int64 (B, L)."""
        states = self.bert(
            input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids, output_hidden_states=True
        ).hidden_states
        logits = self.classifier(torch.relu(self.dense(self.dropout(mean_of_first(states)))))
        if return_dict is False:
            return (logits, states) if output_hidden_states else (logits,)
        return SequenceClassifierOutput(logits=logits, hidden_states=states if output_hidden_states else None)


def mean_of_first(states: tuple[Tensor, ...]) -> Tensor:
    """Average the first tokens' vectors of all layers, (B, H); states: of the embeddings, then of each layer."""
    return torch.stack([state[:, 0] for state in states[1:]]).mean(0)
