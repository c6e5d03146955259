"""How many tokens of a pair a model reads."""

from __future__ import annotations

from typing import Any

from torch import nn

from rankdistill.errors import UsageError
from rankdistill.models.recurrent.config import MOST, BiLSTMConfig
from rankdistill.models.tokenizer import SHORTEST

LONGEST = 512
"""Where neither the model nor its tokenizer states a limit."""


def checked_length(model: Any, tokenizer: Any, wanted: int | None) -> int:
    """Return ``wanted``, or the most tokens that model and tokenizer can read; `UsageError` where it is beyond them."""
    limit = _limit(model.config)
    for name, module in model.named_modules():
        if name.endswith("position_embeddings") and isinstance(module, nn.Embedding) and module.padding_idx is not None:
            limit = module.num_embeddings - module.padding_idx - 1
    if wanted is None:
        return int(min(limit, tokenizer.model_max_length))
    if isinstance(model.config, BiLSTMConfig):  # an LSTM has no positions that end
        limit = MOST
    if not SHORTEST <= wanted <= limit:
        raise UsageError(f"max_length must be from {SHORTEST} to the model's {limit} tokens, got {wanted}")
    return int(wanted)


def stated_length(config: Any, tokenizer: Any) -> int:
    """The most tokens that a config and a tokenizer state, for what is checked before the weights are read."""
    return int(min(_limit(config), tokenizer.model_max_length))


def _limit(config: Any) -> int:
    limit = getattr(config, "max_position_embeddings", None)
    return limit if isinstance(limit, int) and limit > 0 else LONGEST
