"""The last layer for its first token alone, which is all that most classification heads read of it, or for a few.

The other tokens' outputs are not needed for it. In BERT's layers their keys and values are not either: for a query q,
inputs x, weights K and V and shares a, q·(Kx) = (Kᵀq)·x and Σ a(Vx) = V(Σ ax). A BERT of n layers does 1/n less work,
for the same logits and the same gradients. ModernBERT rotates its keys, so that they are computed. Which families have
the shortcut is in the table of `rankdistill.models.families`; when it is taken is decided in
`rankdistill.models.outputs`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface
from transformers.models.bert.modeling_bert import eager_attention_forward
from transformers.models.modernbert.modeling_modernbert import apply_rotary_pos_emb

from rankdistill.models.pack import Pack


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
    layer: Any, hidden: Tensor, attention_mask: Tensor | None = None, *_: Any, pack: Pack | None = None, **options: Any
) -> Tensor:
    """Compute a BERT layer's output at its first token, (B, 1, H), from all its inputs (B, L, H).

    pack: where the pairs are, if ``hidden`` is one row of them (None: they are the rows).
    """
    attention, mask = layer.attention.self, _first_tokens(attention_mask)
    first = hidden[:, :1] if pack is None else pack.at_first(hidden)
    plain = all(map(_is_plain, (attention.key, attention.value)))
    attend = _attend_by_weights if plain else _attend_by_modules
    queries = attention.query(first)
    mixed = layer.attention.output(attend(attention, queries, hidden, mask, pack).to(queries.dtype), first)
    output: Tensor = layer.feed_forward_chunk(mixed)
    return output


def _first_tokens(mask: Tensor | None) -> Tensor | None:
    """The row of a mask that is the first token's, (B or 1, 1, L); a mask of padding, (B, L), is left as it is."""
    return mask[..., 0, :] if mask is not None and mask.dim() == 4 else mask


def _is_plain(linear: nn.Module) -> bool:
    """Whether its weights are all there is to a linear map: no adapter, no hook that changes what it gives."""
    changed = linear._forward_hooks or linear._forward_pre_hooks or "forward" in linear.__dict__
    return type(linear) is nn.Linear and not changed


def _parts(pack: Pack | None, row: Tensor) -> Sequence[Tensor]:
    """Of each part (B, L, …), what is one row of tokens (None: what is a part already)."""
    return [row] if pack is None else pack.split(row)


def _masks(pack: Pack | None, mask: Tensor | None) -> Sequence[Tensor | None]:
    return [mask] if pack is None else [_first_tokens(each) for each in pack.padded]


def _of_pairs(pack: Pack | None, values: Tensor) -> Sequence[Tensor]:
    """Of each part (B, …), what there is of all P pairs."""
    return [values] if pack is None else pack.split_pairs(values)


def _joined(parts: Sequence[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(list(parts))


def _attend_by_weights(
    attention: Any, queries: Tensor, hidden: Tensor, mask: Tensor | None, pack: Pack | None = None
) -> Tensor:
    """Attend by one query a pair, (P, 1, heads * size), without keys and values of the tokens (P, L, H).

    It is computed in float32, or float64 where that is the dtype of the tokens.
    """
    with torch.autocast(queries.device.type, enabled=False):
        dtype, size = torch.promote_types(hidden.dtype, torch.float32), attention.attention_head_size
        hidden = hidden.to(dtype)
        n_heads = attention.all_head_size // size  # numbers, so that an exported graph holds shapes and not their sums
        by_head = queries.to(dtype).view(-1, n_heads, size).transpose(0, 1)  # (heads, P, size)
        keys, values = (map_.weight.to(dtype).view(n_heads, size, -1) for map_ in (attention.key, attention.value))
        of_keys = (by_head @ keys).transpose(0, 1)  # (P, heads, H)
        if attention.key.bias is None:
            constant = by_head.new_zeros(by_head.shape[1], 1, 1)
        else:  # the softmax drops it, but DistributedDataParallel waits for its gradient
            constant = (by_head * attention.key.bias.to(dtype).view(n_heads, 1, size)).sum(-1).t()[..., None]
        mixed, sums = [], []
        each = (_parts(pack, hidden), _masks(pack, mask), _of_pairs(pack, of_keys), _of_pairs(pack, constant))
        for tokens, own_mask, own, added in zip(*each, strict=True):
            scores = (own @ tokens.transpose(1, 2) + added) * attention.scaling  # (B, heads, L)
            shares = attention.dropout(_masked(scores, own_mask).softmax(-1))
            mixed.append(shares @ tokens)
            sums.append(shares.sum(-1, keepdim=True))
        of_values = (_joined(mixed).transpose(0, 1) @ values.transpose(1, 2)).transpose(0, 1)  # (P, heads, size)
        if attention.value.bias is not None:
            of_values = of_values + _joined(sums) * attention.value.bias.to(dtype).view(n_heads, size)
        return of_values.reshape(-1, 1, n_heads * size)


def _masked(scores: Tensor, mask: Tensor | None) -> Tensor:
    """Scores (B, heads, L), the lowest number where a token is not to be seen."""
    if mask is None:
        return scores
    mask = mask[:, None].bool() if mask.dim() == 2 else mask
    lowest = torch.finfo(scores.dtype).min
    return scores.masked_fill(~mask, lowest) if mask.dtype == torch.bool else scores + mask.to(scores.dtype)


def _attend_by_modules(
    attention: Any, queries: Tensor, hidden: Tensor, mask: Tensor | None, pack: Pack | None = None
) -> Tensor:
    """The same by the model's own keys and values of the tokens."""
    each = zip(_of_pairs(pack, queries), *_keys_and_values(attention, hidden, mask, pack), strict=True)
    return _joined([_attend(attention, *of_part) for of_part in each])


def _keys_and_values(attention: Any, hidden: Tensor, mask: Tensor | None, pack: Pack | None) -> tuple[Any, ...]:
    """Of each part: keys and values of the tokens, (B, L, heads * size), and the mask."""
    keys, values = attention.key(hidden), attention.value(hidden)
    return _parts(pack, keys), _parts(pack, values), _masks(pack, mask)


def _attend(attention: Any, queries: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
    """Attend by queries (B, Q, heads * size), all under one mask, as the model does."""
    if mask is not None and mask.dim() == 3:
        mask = mask[:, :, None]
    run = AttentionInterface().get_interface(attention.config._attn_implementation, eager_attention_forward)
    dropout = attention.dropout.p if attention.training else 0.0
    projected = (_heads(each, attention) for each in (queries, keys, values))
    mixed, _weights = run(attention, *projected, mask, dropout=dropout, scaling=attention.scaling)
    return mixed.flatten(2)


def bert_layer_at_tokens(
    layer: Any,
    hidden: Tensor,
    attention_mask: Tensor | None = None,
    *_: Any,
    wanted: Tensor,
    pack: Pack | None = None,
    **options: Any,
) -> Tensor:
    """Compute a BERT layer's output, (B, L, H), where ``wanted``, bool (B, L), is True, and leave 0 elsewhere.

    pack: where the pairs are, if ``hidden`` and ``wanted`` are one row of them (None: they are the rows).
    """
    attention, mask = layer.attention.self, _first_tokens(attention_mask)
    of_wanted = hidden[wanted]
    queries = attention.query(of_wanted)
    places = _parts(pack, wanted)
    own_queries = queries.split([int(place.sum()) for place in places])
    mixed = []
    each = zip(places, own_queries, *_keys_and_values(attention, hidden, mask, pack), strict=True)
    for place, own, *of_part in each:
        counts = place.sum(dim=1)
        taken = torch.arange(int(counts.max()), device=place.device) < counts[:, None]  # of each row's, in their order
        padded = own.new_zeros(*taken.shape, own.shape[-1]).index_put((taken,), own)
        mixed.append(_attend(attention, padded, *of_part)[taken])
    output = layer.feed_forward_chunk(layer.attention.output(_joined(mixed), of_wanted))
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
