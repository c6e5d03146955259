"""An attention head that finds words of the query in the document, for a start that sees them beside the cosine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

SLOPE = 1.5  # logits a unit of the codes' product; a token's own is about its dimension, another's a third of that
SHARE_OF_OWN = 0.5  # the sink takes over where a token finds nothing that gives so much of the product with itself
OTHER_SEGMENT = 50.0  # logits for tokens of the other segment, taken from those of the same
RIDGE = 0.05  # share of the words' spread added to the positions', for axes that hold up
PLACES = 6  # positions at which words are looked at


def write_rarity(bert: Any, tokenizer: Any, texts: Sequence[str], dimension: int, max_length: int) -> Tensor:
    """Write each token's inverse document frequency in ``texts`` into a dimension of its embedding, 0 to about 1.

    max_length: tokens read of a text. Returns the tokens that occur, int64 (V,).
    """
    seen = np.zeros(len(bert.embeddings.word_embeddings.weight))
    for ids in tokenizer(list(texts), add_special_tokens=False, truncation=True, max_length=max_length)["input_ids"]:
        seen[np.unique(ids)] += 1
    rarity = np.log1p((len(texts) - seen + 0.5) / (seen + 0.5)) / math.log1p(2 * len(texts) + 1)
    rarity[tokenizer.all_special_ids] = 0
    bert.embeddings.word_embeddings.weight[:, dimension] = torch.as_tensor(rarity, dtype=torch.float32)
    return torch.as_tensor(np.flatnonzero(seen))


def build_matching(bert: Any, layer: Any, vocabulary: Tensor, cls_id: int, dimensions: dict[str, int]) -> None:
    """Make one head of the first layer find each token's like in the other segment, and write its rarity down.

    vocabulary: int64 (V,), the tokens to tell apart. dimensions: of ``segment`` (-1, 1, and 0 at [CLS]), ``rarity``
    (read) and ``lexical`` (written: the rarity of the matching token, 0 where there is none).
    """
    attention = layer.attention.self
    size = attention.attention_head_size
    rows = _least_head(layer)
    centre, axes = _codes(bert, vocabulary, size - 2, list(dimensions.values()))
    emptied = list(dimensions.values())
    at_cls = _embedded(bert, torch.tensor([cls_id]), 0, emptied)[0]
    towards, level = _only(at_cls, _embedded(bert, vocabulary, 8, emptied), emptied)
    query, key = axes.new_zeros(size, axes.shape[1]), axes.new_zeros(size, axes.shape[1])
    query_bias, key_bias = axes.new_zeros(size), axes.new_zeros(size)
    scale = math.sqrt(math.sqrt(size))
    query[: size - 2] = key[: size - 2] = axes * math.sqrt(SLOPE) * scale
    query_bias[: size - 2] = key_bias[: size - 2] = -(axes @ centre) * math.sqrt(SLOPE) * scale
    query[-2, dimensions["segment"]] = -math.sqrt(OTHER_SEGMENT) * scale
    key[-2, dimensions["segment"]] = math.sqrt(OTHER_SEGMENT) * scale
    sink = OTHER_SEGMENT + SLOPE * SHARE_OF_OWN * (size - 2)
    query_bias[-1] = scale
    key[-1], key_bias[-1] = towards * sink * scale, level * sink * scale
    for linear, weight, bias in ((attention.query, query, query_bias), (attention.key, key, key_bias)):
        linear.weight[rows], linear.bias[rows] = weight, bias
    _carry(layer, rows, dimensions["rarity"], dimensions["lexical"])


def _carry(layer: Any, rows: slice, source: int, target: int) -> None:
    """Make a head's values one dimension of the tokens it looks at, and its output another of the token that looks."""
    value, output = layer.attention.self.value, layer.attention.output.dense
    value.weight[rows], value.bias[rows] = 0, 0
    value.weight[rows.start, source] = 1
    output.weight[:, rows] = 0
    output.weight[target, rows.start] = 1


def _least_head(layer: Any) -> slice:
    """Rows of the head that writes least: smallest norm of its value and output weights' product."""
    attention, output = layer.attention.self, layer.attention.output.dense
    size, heads = attention.attention_head_size, attention.num_attention_heads
    written = [
        (output.weight[:, head * size : (head + 1) * size] @ attention.value.weight[head * size : (head + 1) * size])
        .norm()
        .item()
        for head in range(heads)
    ]
    least = int(np.argmin(written))
    return slice(least * size, (least + 1) * size)


def _embedded(bert: Any, tokens: Tensor, position: int, emptied: Sequence[int]) -> Tensor:
    """What the first layer sees of tokens at a position, (n, hidden), without the dimensions that are not words'."""
    tables = bert.embeddings
    x = tables.word_embeddings(tokens) + tables.position_embeddings.weight[position]
    x = x + tables.token_type_embeddings.weight[0]
    x = nn.functional.layer_norm(x, x.shape[-1:], tables.LayerNorm.weight, tables.LayerNorm.bias, tables.LayerNorm.eps)
    x[:, list(emptied)] = 0
    return x


def _codes(bert: Any, vocabulary: Tensor, size: int, emptied: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Centre (hidden,) and axes (size, hidden): projections that differ from word to word but not with the position.

    Fisher's discriminants, words being the classes and positions what varies within; scaled to variance 1.
    """
    last = bert.config.max_position_embeddings
    places = range(1, last, max(1, last // PLACES))
    seen = torch.stack([_embedded(bert, vocabulary, place, emptied) for place in places])
    words = seen.mean(0)
    within = (seen - words).flatten(0, 1)
    between = words - words.mean(0)
    hidden = between.shape[1]
    spread = between.T @ between / len(between)
    noise = within.T @ within / len(within) + RIDGE * torch.eye(hidden) * spread.trace() / hidden
    root = torch.linalg.inv(torch.linalg.cholesky(noise))
    axes = torch.linalg.eigh(root @ spread @ root.T).eigenvectors[:, -size:].T @ root
    axes = axes / (between @ axes.T).std(0)[:, None]
    return words.mean(0), axes


def _only(wanted: Tensor, others: Tensor, emptied: Sequence[int]) -> tuple[Tensor, float]:
    """Weights (hidden,) and bias of a linear function that is 1 at a state, and on others (n, hidden) nearly 0."""
    centre = others.mean(0)
    spread = (others - centre).T @ (others - centre) / len(others)
    spread = spread + 1e-3 * torch.eye(len(centre)) * spread.trace() / len(centre)
    difference = wanted - centre
    difference[list(emptied)] = 0
    towards = torch.linalg.solve(spread, difference)
    towards[list(emptied)] = 0
    towards = towards / (towards @ difference)
    return towards, float(-(towards @ centre))
