"""A dimension that says which segment a token is of, and attention that prefers it: both texts encoded as if apart."""

from __future__ import annotations

import math
from typing import Any

import torch

SEPARATION = 3.0  # logits by which a token prefers its own segment; more starves the gradient between segments
EDGE = 0.4  # the dimension counts as one segment's from here on
STEEPNESS = 10.0  # gelu(STEEPNESS·x) / STEEPNESS is close to max(0, x)


def open_segments(bert: Any, cls_id: int, segment: int) -> None:
    """Write -1 or 1 by segment into a free dimension of the embeddings, 0 for [CLS]; nothing else tells segments."""
    embeddings = bert.embeddings
    types = embeddings.token_type_embeddings.weight
    types[1] = types[0]
    types[0, segment], types[1, segment] = -1, 1
    embeddings.word_embeddings.weight[cls_id, segment] = 1  # cancels its segment's -1


def prefer_own_segment(attention: Any, segment: int) -> None:
    """Give two dimensions of each head to new terms of its logits: the last to segments, the one before to [CLS].

    They are those that matter least by the singular values of the head's query-key form. The keys of the term for
    [CLS] are left empty, see `recognise`.
    """
    size, strength = attention.attention_head_size, strength_of(attention)
    for head in range(attention.num_attention_heads):
        rows = slice(head * size, (head + 1) * size)
        query = torch.cat([attention.query.weight[rows], attention.query.bias[rows, None]], 1)
        key = torch.cat([attention.key.weight[rows], attention.key.bias[rows, None]], 1)
        # query.T @ key has rank `size`: its singular vectors come from QR, without the large matrix
        q_basis, q_small = torch.linalg.qr(query.T)
        k_basis, k_small = torch.linalg.qr(key.T)
        left, values, right = torch.linalg.svd(q_small @ k_small.T)
        root = values.sqrt()
        query, key = (q_basis @ (left * root)).T, (k_basis @ (right.T * root)).T
        query[-2:], key[-2:] = 0, 0
        query[-1, segment] = key[-1, segment] = strength
        query[-2, -1] = strength
        attention.query.weight[rows], attention.query.bias[rows] = query[:, :-1], query[:, -1]
        attention.key.weight[rows], attention.key.bias[rows] = key[:, :-1], key[:, -1]


def recognise(attention: Any, towards: torch.Tensor) -> None:
    """Make every head's keys of the term for [CLS] respond along ``towards`` (hidden,), [CLS] minus other tokens.

    Every token rests its attention on [CLS], which has outlying dimensions of its own; as it is of the first segment,
    the second would lose it without a term that makes up for the separation.
    """
    size = attention.attention_head_size
    rows = torch.arange(attention.num_attention_heads) * size + size - 2
    attention.key.weight[rows] = strength_of(attention) * towards / towards.square().sum()


def strength_of(attention: Any) -> float:
    """Size of a query and of a key whose product is half the separation, after the division by √head size."""
    return math.sqrt(SEPARATION / 2 * math.sqrt(attention.attention_head_size))


def restore_segments(layer: Any, segment: int, level: float = 1.0) -> None:
    """Set the dimension to -level or level whatever it was, by the four feed-forward units that do the least.

    A layer norm divides by what varies from token to token, and after a few layers the dimension would be noise.
    """
    inner, outer = layer.intermediate.dense, layer.output.dense
    units = (inner.weight.norm(dim=1) * outer.weight.norm(dim=0)).argsort()[:4]
    inner.weight[units], outer.weight[:, units] = 0, 0
    inner.weight[units, segment] = STEEPNESS * torch.tensor([1.0, 1, 1, -1])
    inner.bias[units] = STEEPNESS * torch.tensor([EDGE, -EDGE, 0, 0])
    # two units climb from 0 to 2·EDGE between -EDGE and EDGE and stay there; two more take away what was
    outer.weight[segment, units] = torch.tensor([level / EDGE, -level / EDGE, -1, 1]) / STEEPNESS
    outer.bias[segment] = -level
