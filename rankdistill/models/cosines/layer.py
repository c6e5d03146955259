"""The layer that `cosine_start` adds: attention pools both segments into [CLS], feed-forward units multiply them."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

POOLED_LOGIT = 12.0  # logits by which a pooling head prefers its segment
POOLED_GAIN = 30.0  # size of the pooled vectors against the residual of [CLS]
CURVATURE = 0.5  # scale at which the feed-forward layer sees sums and differences; x·erf(x) is near x² below 1
LEXICAL = 0.6  # how much the lexical count varies in the score, against the cosine
LOGIT_SPREAD = 8.0  # logits from an unrelated to an identical pair


def build_pooling(layer: Any, segments: Tensor, free: dict[str, int]) -> None:
    """Make the layer's attention write into [CLS] the first segment's mean (half of the heads) and the second's.

    Both are projected on the principal axes of ``segments``, mean hidden states (n, hidden) of the calibration texts:
    as many axes as half of the hidden dimensions hold, but for two: the first half's last but one takes the mean of the
    query's ``lexical``, and its last the answer of the product. free: the dimensions that `cosine_start` freed.
    """
    attention = layer.attention.self
    size, heads = attention.attention_head_size, attention.num_attention_heads
    width = size * heads // 2
    centre = segments.mean(0)
    axes = torch.linalg.svd(segments - centre, full_matrices=False).Vh[: width - 2]
    axes = torch.cat([axes, axes.new_zeros(width - len(axes), axes.shape[1])])
    axes[:, list(free.values())] = 0
    for linear in (attention.query, attention.key):
        linear.weight.zero_()
        linear.bias.zero_()
    strength = math.sqrt(POOLED_LOGIT / 2 * math.sqrt(size))
    for head in range(heads):
        attention.query.bias[head * size] = strength
        attention.key.weight[head * size, free["segment"]] = -strength if head < heads // 2 else strength
    attention.value.weight.copy_(torch.cat([axes, axes]))
    attention.value.bias.copy_(-attention.value.weight @ centre)
    attention.value.weight[width - 2, free["lexical"]] = 1
    output = layer.attention.output
    output.dense.weight.copy_(torch.eye(2 * width) * POOLED_GAIN)
    output.dense.bias.zero_()
    output.LayerNorm.weight.fill_(1)
    output.LayerNorm.bias.zero_()


def build_product(model: Any, layer: Any) -> None:
    """Make the layer's feed-forward part sum the products of the two halves into one dimension, which the head reads.

    gelu(x) + gelu(-x) = x·erf(x/√2) is close to √(2/π) x², and (q+d)² - (q-d)² = 4qd. The layer norm before leaves both
    halves with a common norm of √hidden, so that the sum is a cosine times a constant. model: a BERT classifier.
    """
    half = model.config.hidden_size // 2
    inner, outer = layer.intermediate.dense, layer.output.dense
    used = min(half - 2, inner.out_features // 4)
    answer = half - 1
    inner.weight.normal_(0, model.config.initializer_range)
    for linear in (inner, outer):
        linear.bias.zero_()
    outer.weight.zero_()
    axis = torch.arange(used)
    # four units give 4·√(2/π)·CURVATURE²·q·d; `unit` makes their sum half·cosine
    unit = 1 / (4 * math.sqrt(2 / math.pi) * CURVATURE**2)
    for block, (q_sign, d_sign, sign) in enumerate(((1, 1, 1), (-1, -1, 1), (1, -1, -1), (-1, 1, -1))):
        rows = block * used + axis
        inner.weight[rows] = 0
        inner.weight[rows, axis] = q_sign * CURVATURE
        inner.weight[rows, half + axis] = d_sign * CURVATURE
        outer.weight[answer, rows] = sign * unit * 4 / half
    layer.output.LayerNorm.weight.fill_(1)
    layer.output.LayerNorm.bias.zero_()
    pooler = model.bert.pooler.dense
    pooler.weight.normal_(0, model.config.initializer_range)
    pooler.bias.zero_()
    pooler.weight[0] = 0
    pooler.weight[0, answer] = 0.25  # the answer runs to about 4, so that tanh stays in its near-linear part
    pooler.bias[0] = -0.4
    model.classifier.weight.normal_(0, model.config.initializer_range)
    model.classifier.bias.zero_()
    model.classifier.weight[0, 0] = LOGIT_SPREAD


def weigh_lexical(model: Any, batch: dict[str, Tensor]) -> None:
    """Make the head read the lexical mean beside the cosine, varying `LEXICAL` times as much over a batch."""
    lexical, answer = model.config.hidden_size // 2 - 2, model.config.hidden_size // 2 - 1
    states = model.bert(**batch).last_hidden_state[:, 0]
    pooler = model.bert.pooler.dense
    weight = LEXICAL * pooler.weight[0, answer] * states[:, answer].std() / states[:, lexical].std().clamp(min=1e-3)
    pooler.weight[0, lexical] = weight
    pooler.bias[0] -= weight * states[:, lexical].mean()
