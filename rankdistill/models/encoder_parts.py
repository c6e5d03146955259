"""Which weights of a classification model are its encoder, and which its head."""

from __future__ import annotations

from typing import Any


def encoder_parts(model: Any) -> tuple[str, ...]:
    """Names of the modules that are a model's encoder: those that it names, else its base model."""
    return tuple(getattr(model, "encoder_parts", ())) or (model.base_model_prefix,)


def in_encoder(model: Any, weight: str) -> bool:
    """Whether a weight, by its name in the model, is the encoder's."""
    return weight.partition(".")[0] in encoder_parts(model)
