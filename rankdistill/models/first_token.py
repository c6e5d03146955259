"""The last layer for its first token alone, which is all that most classification heads read of it, or for a few.

Of the last layer's matrix products five in six are for other tokens: a model of n layers does 5/(6n) less work, a fifth
of one of four layers, for the same logits and the same gradients. Which families have the shortcut is in the table of
`rankdistill.models.families`; when it is taken is decided in `rankdistill.models.outputs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface
from transformers.models.bert.modeling_bert import eager_attention_forward


@contextmanager
def replaced_forward(layer: nn.Module, forward: Callable[..., Any]) -> Iterator[None]:
    """Run ``forward(layer, …)`` in place of the layer's own forward pass inside the block."""
    layer.__dict__["forward"] = partial(forward, layer)
    try:
        yield
    finally:
        layer.__dict__.pop("forward", None)  # a second thread inside the same block removes it first


def bert_layer_at_first_token(
    layer: Any, hidden: Tensor, attention_mask: Tensor | None = None, *_: Any, **options: Any
) -> Tensor:
    """Compute a BERT layer's output at its first token, (B, 1, H), from all its inputs (B, L, H)."""
    attention = layer.attention.self
    first = hidden[:, :1]
    queries = _heads(attention.query(first), attention)
    keys, values = (_heads(project(hidden), attention) for project in (attention.key, attention.value))
    if attention_mask is not None:
        attention_mask = attention_mask[..., :1, :]
    run = AttentionInterface().get_interface(attention.config._attn_implementation, eager_attention_forward)
    dropout = attention.dropout.p if attention.training else 0.0
    mixed, _weights = run(attention, queries, keys, values, attention_mask, dropout=dropout, scaling=attention.scaling)
    mixed = layer.attention.output(mixed.reshape(*first.shape[:-1], -1), first)
    output: Tensor = layer.feed_forward_chunk(mixed)
    return output


def bert_layer_at_tokens(
    layer: Any, hidden: Tensor, attention_mask: Tensor | None = None, *_: Any, wanted: Tensor, **options: Any
) -> Tensor:
    """Compute a BERT layer's output, (B, L, H), where ``wanted``, bool (B, L), is True, and leave 0 elsewhere."""
    attention = layer.attention.self
    counts = wanted.sum(dim=1)
    place = (
        torch.arange(int(counts.max()), device=wanted.device) < counts[:, None]
    )  # of each row's, one after the other
    of_wanted = hidden[wanted]
    queries = attention.query(of_wanted)
    queries = queries.new_zeros(*place.shape, queries.shape[-1]).index_put((place,), queries)
    keys, values = (_heads(project(hidden), attention) for project in (attention.key, attention.value))
    if attention_mask is not None:
        attention_mask = attention_mask[..., :1, :]
    run = AttentionInterface().get_interface(attention.config._attn_implementation, eager_attention_forward)
    dropout = attention.dropout.p if attention.training else 0.0
    mixed, _weights = run(
        attention,
        _heads(queries, attention),
        keys,
        values,
        attention_mask,
        dropout=dropout,
        scaling=attention.scaling,
    )
    mixed = layer.attention.output(mixed.reshape(*place.shape, -1)[place], of_wanted)
    output = layer.feed_forward_chunk(mixed)
    return output.new_zeros(*wanted.shape, output.shape[-1]).index_put((wanted,), output)


def _heads(projected: Tensor, attention: Any) -> Tensor:
    """(B, heads, L, size) from (B, L, heads * size)."""
    return projected.unflatten(-1, (-1, attention.attention_head_size)).transpose(1, 2)
