"""A model of another depth and width than the one that it is made like, with random weights."""

from __future__ import annotations

import copy
from typing import Any

import torch
from transformers import AutoModelForSequenceClassification

from rankdistill.errors import UsageError
from rankdistill.models.contract import ENTRY

HEAD_WIDTH = 64
"""Components of an attention head, as in models of every size that are published."""


def random_model(config: Any, n_layers: int, width: int, n_heads: int = 0, *, n_logits: int = 1, seed: int = 0) -> Any:
    """Make a classification model of random weights, in eval mode: the family and vocabulary of a config, other sizes.

    config: of transformers; unchanged. n_heads: of the attention; 0: see `heads_for`. What is wider inside a layer
    keeps its ratio to the width, and keys and values that several heads share their ratio to the heads. The same seed
    gives the same weights. Raises `UsageError` for sizes that do not fit, and for a network without attention.
    """
    if not getattr(config, "num_attention_heads", 0):
        raise UsageError(f"a {config.model_type} has no layers of attention: name another base for the student's shape")
    shaped = copy.deepcopy(config)
    n_heads = n_heads or heads_for(width)
    if width % n_heads:
        raise UsageError(f"{n_heads} attention heads do not divide a width of {width}")
    _change_sizes(shaped, config, n_layers, width, n_heads)
    for entry in (ENTRY, "sentence_transformers", "architectures"):
        if hasattr(shaped, entry):
            setattr(shaped, entry, None) if entry == "architectures" else delattr(shaped, entry)
    shaped.num_labels = n_logits
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            model = AutoModelForSequenceClassification.from_config(shaped, dtype=torch.float32)
        except (ValueError, RuntimeError, ZeroDivisionError, AssertionError) as error:
            reason = str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__
            raise UsageError(
                f"a {config.model_type} of {n_layers} layers of width {width} with {n_heads} attention heads cannot be "
                f"made: {reason}"
            ) from error
    return model.eval()


def heads_for(width: int) -> int:
    """Attention heads of a width: 64 components to a head, or the most below that which divide the width.

    An even number of components, where one divides it, as positions by rotation need.
    """
    sizes = [size for size in range(1, min(width, HEAD_WIDTH) + 1) if width % size == 0]
    even = [size for size in sizes if size % 2 == 0]
    return width // max(even or sizes)


def _change_sizes(shaped: Any, config: Any, n_layers: int, width: int, n_heads: int) -> None:
    """Set depth and width in a config, and all that follows from them."""
    old_width, old_heads = config.hidden_size, config.num_attention_heads
    inner = "hidden_dim" if hasattr(config, "hidden_dim") else "intermediate_size"
    kinds = list(getattr(config, "layer_types", None) or [])
    shaped.num_hidden_layers = n_layers
    if kinds:
        shaped.layer_types = [kinds[at % len(kinds)] for at in range(n_layers)]
    shaped.hidden_size, shaped.num_attention_heads = width, n_heads
    setattr(shaped, inner, max(1, round(getattr(config, inner) * width / old_width)))
    if getattr(config, "num_key_value_heads", None):
        share = max(1, old_heads // config.num_key_value_heads)
        shaped.num_key_value_heads = n_heads // share if n_heads % share == 0 else n_heads
    if getattr(config, "head_dim", None):
        shaped.head_dim = width // n_heads
    if getattr(config, "embedding_size", None):
        shaped.embedding_size = width if config.embedding_size == old_width else config.embedding_size
    if getattr(config, "pooler_hidden_size", None):
        shaped.pooler_hidden_size = width
