"""The students' networks in transformers' Auto classes: their folders load like any other, without code in them."""

from __future__ import annotations

from typing import Any

from transformers import AutoConfig, AutoModelForSequenceClassification

from rankdistill.models.recurrent.biattentive import BiAttentiveForSequenceClassification
from rankdistill.models.recurrent.bilstm import BiLSTMForSequenceClassification
from rankdistill.models.recurrent.layer_mean import LayerMeanForSequenceClassification

NETWORKS: tuple[Any, ...] = (
    BiLSTMForSequenceClassification,
    BiAttentiveForSequenceClassification,
    LayerMeanForSequenceClassification,
)
NETWORK_OF: dict[str, Any] = {network.config_class.model_type: network for network in NETWORKS}
"""``config.model_type`` -> network."""
OWN: dict[str, str] = {model_type: network.__name__ for model_type, network in NETWORK_OF.items()}
"""``config.model_type`` -> name of the class that is loaded for it."""


def register() -> None:
    """Make the networks known to transformers' Auto classes; a second call changes nothing."""
    for network in NETWORKS:
        config = network.config_class
        AutoConfig.register(config.model_type, config, exist_ok=True)
        AutoModelForSequenceClassification.register(config, network, exist_ok=True)


register()
