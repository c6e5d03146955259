"""A prefix that all texts of a batch begin with, computed once: a prompt's instruction and query before its documents.

The keys and values of its tokens do not depend on what follows, where attention is causal.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import Lock
from typing import Any

import torch
from torch import Tensor
from transformers import DynamicCache

from rankdistill.models.changes import state_of
from rankdistill.models.families import FAMILIES, head_of, pooling_of
from rankdistill.models.last_token import last_token
from rankdistill.models.precision import computing_in

LEAST_TOKENS, LEAST_ROWS = 8, 3
"""Of a prefix that is worth a computation of its own."""


def can_share(model: Any) -> bool:
    """Whether a model's family attends to earlier tokens alone, in every layer to all of them."""
    config = model.config
    known = config.model_type in FAMILIES and FAMILIES[config.model_type].pooling == "last"
    windows = any("sliding" in str(kind) for kind in getattr(config, "layer_types", None) or ())
    return known and pooling_of(model) == "last" and not windows


class SharedPrefix:
    """Logits of batches whose texts begin alike; the last prefix is kept for the next batch."""

    def __init__(self, model: Any) -> None:
        self.model = model
        self._can = can_share(model)
        self._known: tuple[Any, list[tuple[Tensor, Tensor]]] | None = None
        self._computes = Lock()  # threads that need the same prefix wait for it

    def logits(self, inputs: Mapping[str, Tensor], dtype: str) -> Tensor | None:
        """Compute logits float32 (B, n_logits) of a batch padded on the right; None where too little is shared.

        inputs: int64 (B, L), input_ids and attention_mask.
        """
        if not self._can or set(inputs) != {"input_ids", "attention_mask"}:
            return None
        ids, mask = inputs["input_ids"], inputs["attention_mask"]
        n_shared = _n_shared(ids, mask)
        window = getattr(self.model.config, "sliding_window", None)
        if n_shared < LEAST_TOKENS or len(ids) < LEAST_ROWS or (window is not None and ids.shape[1] > window):
            return None
        with computing_in(self.model, dtype, ids.device):
            cache = DynamicCache()
            for layer, (keys, values) in enumerate(self._prefix(ids[:1, :n_shared], dtype)):
                cache.update(keys.expand(len(ids), -1, -1, -1), values.expand(len(ids), -1, -1, -1), layer)
            rest = ids[:, n_shared:]
            given = self.model.base_model(
                input_ids=rest,
                attention_mask=mask,
                position_ids=torch.arange(n_shared, ids.shape[1], device=ids.device).expand_as(rest),
                past_key_values=cache,
                use_cache=True,
            )
            logits = head_of(self.model)(last_token(given.last_hidden_state, mask[:, n_shared:].bool()))
        return logits.float()

    def _prefix(self, ids: Tensor, dtype: str) -> list[tuple[Tensor, Tensor]]:
        """Keys and values of each layer for a prefix int64 (1, P)."""
        key = dtype, ids.device, ids.tolist(), state_of(self.model)
        with self._computes:
            if self._known is None or self._known[0] != key:
                cache = DynamicCache()
                self.model.base_model(input_ids=ids, past_key_values=cache, use_cache=True)
                layers: Any = cache.layers
                self._known = key, [(layer.keys, layer.values) for layer in layers]
            return self._known[1]


def _n_shared(ids: Tensor, mask: Tensor) -> int:
    """Number of tokens that all texts begin with, at least one fewer than the shortest has."""
    if not bool(mask[:, 0].all()):
        return 0
    same = (ids == ids[:1]).all(dim=0).long().cumprod(dim=0).sum()
    return int(torch.minimum(same, mask.sum(dim=1).min() - 1))
