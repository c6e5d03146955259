"""cosine_start: a cross-encoder whose first scores are about its base encoder's cosine, so nothing known is lost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from rankdistill.errors import DataError
from rankdistill.models.base import DEFAULT_BASE
from rankdistill.models.cosine_layer import build_pooling, build_product
from rankdistill.models.cross_encoder import CrossEncoder
from rankdistill.models.layers import keep_layers

SEPARATION = 3.0  # logits by which a token prefers its own segment; more starves the gradient between segments
EDGE = 0.4  # the channel counts as one segment's from here on
STEEPNESS = 10.0  # gelu(STEEPNESS·x) / STEEPNESS is close to max(0, x)
LOUDNESS = 2.0  # the channel's share of the last layer norm's deviation, against that of all other dimensions
FEWEST_TEXTS, LONGEST = 32, 96


def cosine_start(
    base: str | Path = DEFAULT_BASE,
    texts: Sequence[str] = (),
    *,
    layers: Sequence[int] | None = None,
    max_length: int | None = None,
    seed: int = 0,
    dtype: str | None = None,
) -> CrossEncoder:
    """Start a one-logit cross-encoder that already ranks by its base encoder's cosine, one layer deeper than the base.

    A fresh head on a cross-encoder spends its first thousands of pairs on learning what the encoder knew. Here weights
    are constructed, nothing is trained: (1) one hidden dimension becomes a channel that says which segment a token
    belongs to; (2) two dimensions of every attention head, those that matter least by the singular values of its
    query-key form, make a token prefer its own segment, so that query and document are encoded as if apart; (3) four
    feed-forward units a layer keep the channel clean; (4) a further layer pools both segments and multiplies them, see
    `rankdistill.models.cosine_layer`. All of it is ordinary weights of an ordinary model, and training changes any.

    base: a BERT-like encoder of mean-pooled sentence embeddings. layers: those of it to keep (None: all). texts: some
    hundred of the collection's documents, read in one pass to level the channel and find the principal axes. The same
    seed gives the same weights. Raises `DataError` for another architecture and for fewer than 32 texts.
    """
    if len(texts) < FEWEST_TEXTS:
        raise DataError(f"a start from the cosine is calibrated on at least {FEWEST_TEXTS} documents, got {len(texts)}")
    plain = CrossEncoder.from_base(base, layers=layers, seed=seed)
    config = plain.model.config
    if config.model_type != "bert":
        raise DataError(
            f"a start from the cosine is built on BERT-like encoders, {base} is of type {config.model_type!r}: "
            "start afresh instead"
        )
    n_layers = config.num_hidden_layers
    model = keep_layers(plain.model, [*range(n_layers), n_layers - 1]).eval()
    start = CrossEncoder(model, plain.tokenizer, max_length=max_length, dtype=dtype)
    *known, added = model.bert.encoder.layer
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        channel = _least_used_dimension(model.bert, known)
        _open_channel(model.bert, known, start.tokenizer.cls_token_id, channel)
        for layer in known:
            _prefer_own_segment(layer.attention.self, channel)
        for layer in known[:-1]:
            _restore_channel(layer, channel)
        segments = _calibrate(start, known, texts, channel)
        build_pooling(added, segments, channel)
        build_product(model, added)
    return start


def _least_used_dimension(bert: Any, layers: Sequence[Any]) -> int:
    """The hidden dimension that the layers read least: smallest norm of gain times the weights that read it."""
    use = torch.zeros(bert.config.hidden_size)
    gain = bert.embeddings.LayerNorm.weight
    for layer in layers:
        attention = layer.attention
        for linear in (attention.self.query, attention.self.key, attention.self.value):
            use += (linear.weight * gain).square().sum(0)
        use += (layer.intermediate.dense.weight * attention.output.LayerNorm.weight).square().sum(0)
        gain = layer.output.LayerNorm.weight
    return int(use.argmin())


def _open_channel(bert: Any, layers: Sequence[Any], cls_id: int, channel: int) -> None:
    """Free one dimension of all that is written to or read from it, and write there -1 or 1 by segment, 0 for [CLS]."""
    embeddings = bert.embeddings
    types = embeddings.token_type_embeddings.weight
    types[1] = types[0]
    for table in (embeddings.word_embeddings.weight, embeddings.position_embeddings.weight, types):
        table[:, channel] = 0
    types[0, channel], types[1, channel] = -1, 1
    embeddings.word_embeddings.weight[cls_id, channel] = 1  # cancels its segment's -1
    for layer in layers:
        attention = layer.attention
        for linear in (attention.self.query, attention.self.key, attention.self.value, layer.intermediate.dense):
            linear.weight[:, channel] = 0
        for linear in (attention.output.dense, layer.output.dense):
            linear.weight[channel] = 0
            linear.bias[channel] = 0


def _prefer_own_segment(attention: Any, channel: int) -> None:
    """Give two dimensions of each head to the logits' new terms: one by segment, one for [CLS], see `_calibrate`."""
    size, strength = attention.attention_head_size, _strength(attention)
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
        query[-1, channel] = key[-1, channel] = strength
        query[-2, -1] = strength
        attention.query.weight[rows], attention.query.bias[rows] = query[:, :-1], query[:, -1]
        attention.key.weight[rows], attention.key.bias[rows] = key[:, :-1], key[:, -1]


def _strength(attention: Any) -> float:
    """Size of a query and of a key whose product is half the separation, after the division by √head size."""
    return math.sqrt(SEPARATION / 2 * math.sqrt(attention.attention_head_size))


def _restore_channel(layer: Any, channel: int, level: float = 1.0) -> None:
    """Set the channel to -level or level whatever it was, by the four feed-forward units that do the least.

    A layer norm divides by what varies from token to token, and after a few layers the channel would be noise.
    """
    inner, outer = layer.intermediate.dense, layer.output.dense
    units = (inner.weight.norm(dim=1) * outer.weight.norm(dim=0)).argsort()[:4]
    inner.weight[units], outer.weight[:, units] = 0, 0
    inner.weight[units, channel] = STEEPNESS * torch.tensor([1.0, 1, 1, -1])
    inner.bias[units] = STEEPNESS * torch.tensor([EDGE, -EDGE, 0, 0])
    # two units climb from 0 to 2·EDGE between -EDGE and EDGE and stay there; two more take away what was
    outer.weight[channel, units] = torch.tensor([level / EDGE, -level / EDGE, -1, 1]) / STEEPNESS
    outer.bias[channel] = -level


def _calibrate(start: CrossEncoder, layers: Sequence[Any], texts: Sequence[str], channel: int) -> Tensor:
    """Level the channel after every layer norm, and return the mean last hidden states of both segments, (2T, hidden).

    One forward pass: a layer norm's gain and bias of the channel are set just before it runs, and so are the keys by
    which a layer recognises [CLS]. Every token rests its attention on [CLS], which has outlying dimensions of its own;
    as it is of the first segment, the second would lose it without a term that makes up for the separation.
    """
    bert = start.model.bert
    words = [text.split() for text in texts]
    batch = start.tokenizer(
        [" ".join(w[: max(1, len(w) // 4)]) for w in words],
        [" ".join(w[len(w) // 4 :]) for w in words],
        truncation=True,
        max_length=min(LONGEST, start.max_length),
        padding=True,
        return_tensors="pt",
    )
    real = batch["attention_mask"].bool()
    second = batch["token_type_ids"].bool() & real
    first = real & ~second
    first[:, 0] = False

    def level(layer_norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        norm: Any = layer_norm
        x = inputs[0]
        scaled = (x[..., channel] - x.mean(-1)) / x.std(-1, unbiased=False)
        low, high = scaled[first].mean(), scaled[second].mean()
        norm.weight[channel] = 2 / (high - low)
        norm.bias[channel] = -1 - norm.weight[channel] * low

    def recognise_cls(attention: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        module: Any = attention
        hidden = inputs[0]
        towards = hidden[:, 0].mean(0) - hidden[first | second].mean(0)
        towards[channel] = 0
        rows = torch.arange(module.num_attention_heads) * module.attention_head_size + module.attention_head_size - 2
        module.key.weight[rows] = _strength(module) * towards / towards.square().sum()

    def amplify(layer_norm: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor]:
        """Restore the channel so loud that the norm to come divides by it rather than by what varies."""
        x = inputs[0].clone()
        loud = LOUDNESS * math.sqrt(x[first | second].var(-1).mean() * x.shape[-1])
        _restore_channel(layers[-1], channel, loud)
        x[..., channel] = loud * x[..., channel].clamp(-EDGE, EDGE) / EDGE
        return (x,)

    hooks = [bert.embeddings.LayerNorm.register_forward_pre_hook(level)]
    hooks.append(layers[-1].output.LayerNorm.register_forward_pre_hook(amplify))
    for layer in layers:
        hooks.append(layer.attention.self.register_forward_pre_hook(recognise_cls))
        hooks += [m.LayerNorm.register_forward_pre_hook(level) for m in (layer.attention.output, layer.output)]
    try:
        hidden = bert(**batch, output_hidden_states=True).hidden_states[len(layers)]
    finally:
        for hook in hooks:
            hook.remove()
    return torch.cat([_mean_over(hidden, mask) for mask in (first, second)])


def _mean_over(hidden: Tensor, mask: Tensor) -> Tensor:
    weight = mask.float()[..., None]
    return (hidden * weight).sum(1) / weight.sum(1).clamp(min=1)
