"""The last layer for its first token alone, which is all that most classification heads read of it, or for a few.

Keys and values of the other tokens are not needed for it either: a query meets q·(Kx) = (Kᵀq)·x, and the mean of values
is V times the mean of what they are made of. A model of n layers does 1/n less work, a quarter of one of four layers,
for the same logits and the same gradients. Which families have the shortcut is in the table of
`rankdistill.models.families`; when it is taken is decided in `rankdistill.models.outputs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface
from transformers.models.bert.modeling_bert import eager_attention_forward
from transformers.models.modernbert.modeling_modernbert import apply_rotary_pos_emb


@contextmanager
def replaced_forward(layer: nn.Module, forward: Callable[..., Any]) -> Iterator[None]:
    """Run ``forward(layer, …)`` in place of the layer's own forward pass inside the block.

    A block around it that does the same already is left to do so: threads that share a model enter one first.
    """
    replaced = layer.__dict__.get("forward")
    if isinstance(replaced, partial) and replaced.func is forward:
        yield
        return
    layer.__dict__["forward"] = partial(forward, layer)
    try:
        yield
    finally:
        layer.__dict__.pop("forward", None)  # a second thread inside the same block removes it first


def bert_layer_at_first_token(
    layer: Any, hidden: Tensor, attention_mask: Tensor | None = None, *_: Any, **options: Any
) -> Tensor:
    """Compute a BERT layer's output at its first token, (B, 1, H), from all its inputs (B, L, H)."""
    attention, first = layer.attention.self, hidden[:, :1]
    if attention_mask is not None and attention_mask.dim() == 4:
        attention_mask = attention_mask[..., 0, :]  # the first token's, (B or 1, 1, L)
    queries = attention.query(first)
    plain = type(attention.key) is type(attention.value) is nn.Linear
    attend = _attend_by_weights if plain else _attend_by_modules
    mixed = layer.attention.output(attend(attention, queries, hidden, attention_mask).to(queries.dtype), first)
    output: Tensor = layer.feed_forward_chunk(mixed)
    return output


def _attend_by_weights(attention: Any, queries: Tensor, hidden: Tensor, mask: Tensor | None) -> Tensor:
    """Attend by one query, (B, 1, heads * size), without keys and values of the tokens (B, L, H), in float32."""
    with torch.autocast(hidden.device.type, enabled=False):
        hidden, size = hidden.float(), attention.attention_head_size
        n_heads = attention.all_head_size // size  # numbers, so that an exported graph holds shapes and not their sums
        by_head = queries.float().view(-1, n_heads, size).transpose(0, 1)  # (heads, B, size)
        keys, values = (map_.weight.float().view(n_heads, size, -1) for map_ in (attention.key, attention.value))
        scores = (by_head @ keys).transpose(0, 1) @ hidden.transpose(1, 2)  # (B, heads, L)
        if attention.key.bias is not None:
            bias = attention.key.bias.float().view(n_heads, 1, size)
            scores = scores + (by_head * bias).sum(-1).t()[..., None]
        scores = scores * attention.scaling
        if mask is not None:
            mask = mask[:, None].bool() if mask.dim() == 2 else mask
            lowest = torch.finfo(scores.dtype).min
            scores = scores.masked_fill(~mask, lowest) if mask.dtype == torch.bool else scores + mask.float()
        shares = attention.dropout(scores.softmax(-1))
        mixed = (shares @ hidden).transpose(0, 1) @ values.transpose(1, 2)  # (heads, B, size)
        mixed = mixed.transpose(0, 1)
        if attention.value.bias is not None:
            mixed = mixed + shares.sum(-1, keepdim=True) * attention.value.bias.float().view(n_heads, size)
        return mixed.reshape(-1, 1, n_heads * size)


def _attend_by_modules(attention: Any, queries: Tensor, hidden: Tensor, mask: Tensor | None) -> Tensor:
    """Do the same by the model's own keys and values, whatever modules make them."""
    keys, values = (_heads(project(hidden), attention) for project in (attention.key, attention.value))
    if mask is not None and mask.dim() == 3:
        mask = mask[:, :, None]
    run = AttentionInterface().get_interface(attention.config._attn_implementation, eager_attention_forward)
    dropout = attention.dropout.p if attention.training else 0.0
    mixed, _weights = run(
        attention, _heads(queries, attention), keys, values, mask, dropout=dropout, scaling=attention.scaling
    )
    return mixed.flatten(2)


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


def modernbert_layer_at_first_token(
    layer: Any,
    hidden: Tensor,
    attention_mask: Tensor | None = None,
    position_embeddings: tuple[Tensor, Tensor] | None = None,
    **options: Any,
) -> Tensor:
    """Compute a ModernBERT layer's output at its first token, (B, 1, H), from all its inputs (B, L, H)."""
    attention, normed = layer.attn, layer.attn_norm(hidden)
    weight, bias = attention.Wqkv.weight, attention.Wqkv.bias
    width = hidden.shape[-1]
    first = hidden[:, :1]

    def heads(of: Tensor, begin: int, end: int) -> tuple[Tensor, ...]:
        part = functional.linear(of, weight[begin:end], None if bias is None else bias[begin:end])
        return tuple(each.unflatten(-1, (-1, attention.head_dim)).transpose(1, 2) for each in part.split(width, -1))

    [queries] = heads(normed[:, :1], 0, width)
    keys, values = heads(normed, width, 3 * width)
    assert position_embeddings is not None
    cos, sin = position_embeddings
    queries, _ = apply_rotary_pos_emb(queries, queries, cos[:, :1], sin[:, :1])
    keys, _ = apply_rotary_pos_emb(keys, keys, cos, sin)
    if attention_mask is not None:
        attention_mask = attention_mask[..., :1, :]
    run = AttentionInterface().get_interface(attention.config._attn_implementation, eager_attention_forward)
    dropout = attention.attention_dropout if attention.training else 0.0
    mixed, _weights = run(
        attention, queries, keys, values, attention_mask, dropout=dropout, scaling=attention.head_dim**-0.5
    )
    mixed = attention.out_drop(attention.Wo(mixed.reshape(*first.shape[:-1], -1)))
    first = first + mixed
    output: Tensor = first + layer.mlp(layer.mlp_norm(first))
    return output
