"""A model's forward pass with what it went through: hidden states, and attention scores before their softmax."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from rankdistill.errors import DataError
from rankdistill.models.layers import layer_list

QUERIES = ("query", "q_lin", "q_proj", "query_proj")
KEYS = ("key", "k_lin", "k_proj", "key_proj")


@dataclass(frozen=True)
class States:
    """What a model went through on P pairs of at most L tokens."""

    hidden: Sequence[Tensor]
    """float (P, L, H), the embeddings and then each layer's output."""
    attention: Sequence[Tensor]
    """float (P, heads, L, L), each layer's scores before their softmax, without the mask."""
    tokens: Tensor
    """bool (P, L), True where a token is no padding."""
    projections: Mapping[str, nn.Module] = field(default_factory=dict)
    """Of a student narrower or wider than its teacher: maps to the teacher's width, by `projection_name`."""


def forward_with_states(model: Any, inputs: Mapping[str, Tensor]) -> tuple[Tensor, States]:
    """Run a classification model on pairs: its logits (P, n_logits) and its `States`.

    Attention scores are made of what the layers' query and key projections give, so that any attention kernel may run
    inside. Raises `DataError` where a layer has no such projections.
    """
    inner = getattr(model, "module", model)  # of DistributedDataParallel
    with _recorded(inner) as projected:
        output = model(**inputs, output_hidden_states=True)
    heads = inner.config.num_attention_heads
    attention = [_scores(queries, keys, heads) for queries, keys in zip(projected["q"], projected["k"], strict=True)]
    return output.logits, States(output.hidden_states, attention, inputs["attention_mask"].bool())


@contextmanager
def _recorded(model: Any) -> Iterator[dict[str, list[Tensor]]]:
    """Keep what the layers' query and key projections give while the block runs, layer by layer."""
    found: dict[str, list[Tensor]] = {"q": [], "k": []}
    handles = []
    for i, layer in enumerate(model.get_submodule(layer_list(model))):
        for kind, names in (("q", QUERIES), ("k", KEYS)):
            module = _projection(layer, names)
            if module is None:
                raise DataError(
                    f"layer {i} of {type(model).__name__} has no {' or '.join(names)} projection: its attention cannot "
                    "be distilled; leave attention_mse out"
                )
            handles.append(module.register_forward_hook(lambda _m, _i, out, kind=kind: found[kind].append(out)))
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


def _projection(layer: nn.Module, names: tuple[str, ...]) -> nn.Module | None:
    return next((module for name, module in layer.named_modules() if name.rpartition(".")[2] in names), None)


def _scores(queries: Tensor, keys: Tensor, heads: int) -> Tensor:
    """QKᵀ/√d, head by head: (P, heads, L, L) from (P, L, hidden)."""
    q, k = (x.float().unflatten(-1, (heads, -1)).transpose(1, 2) for x in (queries, keys))
    return q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
