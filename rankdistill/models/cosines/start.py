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
from rankdistill.models.cosines.layer import build_pooling, build_product, weigh_lexical
from rankdistill.models.cosines.lexical import build_matching, write_rarity
from rankdistill.models.cosines.segments import (
    EDGE,
    open_segments,
    prefer_own_segment,
    recognise,
    restore_segments,
)
from rankdistill.models.cosines.suited import beyond_cosine, warn_of_prompts
from rankdistill.models.cross_encoder import CrossEncoder
from rankdistill.models.layers import keep_layers

FEWEST_TEXTS, CALIBRATION_TEXTS, LONGEST = 32, 256, 96
LOUDNESS = 2.0  # the segments' share of the last layer norm's deviation, against that of all other dimensions
FREED = ("segment", "rarity", "lexical")


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
    are constructed, nothing is trained: (1) tokens know their segment and prefer it, so that query and document are
    encoded as if apart (`cosine_segments`); (2) a further layer pools both and multiplies them (`cosine_layer`); (3) a
    head finds the query's words in the document and how rare they are (`lexical_head`), which adds to the cosine. All
    of it is ordinary weights of an ordinary model, and training changes any.

    base: a BERT-like encoder of mean-pooled sentence embeddings. layers: those of it to keep (None: all). texts: some
    thousand of the collection's documents: rarity is counted in all of them, and the first few hundred are read to
    level the freed dimensions and find principal axes. The same seed gives the same weights. Raises `DataError` for
    another architecture, for an encoder that states more than the cosine of means, and for fewer than 32 texts. A
    warning says where the encoder wants prompts, which pairs have not.
    """
    if len(texts) < FEWEST_TEXTS:
        raise DataError(f"a start from the cosine is calibrated on at least {FEWEST_TEXTS} documents, got {len(texts)}")
    if more := beyond_cosine(base):
        raise DataError(
            f"{base} states {', '.join(more)}: a start from the cosine keeps the cosine of means only. Start plain"
        )
    warn_of_prompts(base)
    plain = CrossEncoder.from_base(base, layers=layers, seed=seed)
    config = plain.model.config
    if config.model_type != "bert":
        raise DataError(
            f"a start from the cosine is built on BERT-like encoders, {base} is of type {config.model_type!r}: "
            "start afresh instead"
        )
    config.hidden_dropout_prob = config.attention_probs_dropout_prob = 0.0  # its noise would drown what is constructed
    n_layers = config.num_hidden_layers
    model = keep_layers(plain.model, [*range(n_layers), n_layers - 1]).eval()
    start = CrossEncoder(model, plain.tokenizer, max_length=max_length, dtype=dtype)
    *known, added = model.bert.encoder.layer
    batch = _pairs(start, texts[:CALIBRATION_TEXTS])
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        free = _free_dimensions(model.bert, known, batch)
        open_segments(model.bert, start.tokenizer.cls_token_id, free["segment"])
        for layer in known:
            prefer_own_segment(layer.attention.self, free["segment"])
        for layer in known[:-1]:
            restore_segments(layer, free["segment"])
        tokens = write_rarity(model.bert, start.tokenizer, texts, free["rarity"], start.max_length)
        segments = _calibrate(start, known, batch, free, tokens)
        build_pooling(added, segments, free)
        build_product(model, added)
        weigh_lexical(model, batch)
    return start


def _free_dimensions(bert: Any, layers: Sequence[Any], batch: dict[str, Tensor]) -> dict[str, int]:
    """Empty the hidden dimensions that matter least of all that is written to or read from them.

    What matters is how much of what the layers read comes from a dimension: its mean square over a batch times the
    squares of the weights that read it. The last two of each half are spared: the added layer has its own use for them.
    """
    hidden = bert.config.hidden_size
    use = torch.zeros(hidden)

    def count(linears: Sequence[Any]) -> Any:
        weights = torch.stack([linear.weight.square().sum(0) for linear in linears]).sum(0)

        def hook(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            use.add_(inputs[0][batch["attention_mask"].bool()].square().mean(0) * weights)

        return hook

    hooks = []
    for layer in layers:
        own = layer.attention.self
        hooks.append(own.register_forward_pre_hook(count((own.query, own.key, own.value))))
        hooks.append(layer.intermediate.register_forward_pre_hook(count((layer.intermediate.dense,))))
    try:
        bert(**batch)
    finally:
        for registered in hooks:
            registered.remove()
    use[[hidden // 2 - 2, hidden // 2 - 1, hidden - 2, hidden - 1]] = math.inf
    dimensions = use.argsort()[: len(FREED)]
    embeddings = bert.embeddings
    for table in (embeddings.word_embeddings, embeddings.position_embeddings, embeddings.token_type_embeddings):
        table.weight[:, dimensions] = 0
    for layer in layers:
        attention = layer.attention
        for linear in (attention.self.query, attention.self.key, attention.self.value, layer.intermediate.dense):
            linear.weight[:, dimensions] = 0
        for linear in (attention.output.dense, layer.output.dense):
            linear.weight[dimensions] = 0
            linear.bias[dimensions] = 0
    return dict(zip(FREED, dimensions.tolist(), strict=True))


def _pairs(start: CrossEncoder, texts: Sequence[str]) -> dict[str, Tensor]:
    """Tokens of pairs to calibrate on: a text's first quarter with its rest, every other time with another's rest."""
    words = [text.split() for text in texts]
    rest = [" ".join(w[len(w) // 4 :]) for w in words]
    return dict(
        start.tokenizer(
            [" ".join(w[: max(1, len(w) // 4)]) for w in words],
            [rest[i - i % 2] for i in range(len(rest))],
            truncation=True,
            max_length=min(LONGEST, start.max_length),
            padding=True,
            return_tensors="pt",
        )
    )


def _calibrate(
    start: CrossEncoder, layers: Sequence[Any], batch: dict[str, Tensor], free: dict[str, int], tokens: Tensor
) -> Tensor:
    """Level the freed dimensions after every layer norm; return both segments' mean last states, (2T, hidden).

    One forward pass over ``batch`` (T pairs): hooks set weights just before the module that has them runs, so that each
    sees what the weights set before it give. In the order of the pass, layer by layer: ``meet`` sets the keys by which
    a layer recognises [CLS], and in the first layer the lexical heads; ``level`` sets the gain and bias of a layer
    norm's freed dimensions. Before the very last layer norm ``amplify`` changes that norm's input, and must be
    registered first: hooks of one module run in the order of their registration, and ``level`` reads its result.
    """
    bert = start.model.bert
    real = batch["attention_mask"].bool()
    second = batch["token_type_ids"].bool() & real
    first = real & ~second
    first[:, 0] = False
    segment = free["segment"]
    norms = [bert.embeddings.LayerNorm] + [m.LayerNorm for x in layers for m in (x.attention.output, x.output)]

    def level(layer_norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        norm: Any = layer_norm
        x = inputs[0]
        mean, deviation = x.mean(-1), x.std(-1, unbiased=False)
        scaled = (x[..., segment] - mean) / deviation
        low, high = scaled[first].mean(), scaled[second].mean()
        norm.weight[segment] = 2 / (high - low)
        norm.bias[segment] = -1 - norm.weight[segment] * low
        for dimension in (free["rarity"], free["lexical"]):
            norm.weight[dimension] = deviation[first].mean()
            norm.bias[dimension] = mean[first].mean()

    def meet(attention: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        hidden = inputs[0]
        towards = hidden[:, 0].mean(0) - hidden[first | second].mean(0)
        towards[list(free.values())] = 0
        recognise(attention, towards)
        if attention is layers[0].attention.self:
            build_matching(bert, layers[0], tokens, start.tokenizer.cls_token_id, free)

    def amplify(layer_norm: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor]:
        """Restore the segments so loud that the norm to come divides by them rather than by what varies."""
        x = inputs[0].clone()
        loud = LOUDNESS * math.sqrt(x[first | second].var(-1).mean() * x.shape[-1])
        restore_segments(layers[-1], segment, loud)
        x[..., segment] = loud * x[..., segment].clamp(-EDGE, EDGE) / EDGE
        return (x,)

    hooks = [layers[-1].output.LayerNorm.register_forward_pre_hook(amplify)]
    hooks += [norm.register_forward_pre_hook(level) for norm in norms]
    hooks += [layer.attention.self.register_forward_pre_hook(meet) for layer in layers]
    try:
        hidden = bert(**batch, output_hidden_states=True).hidden_states[len(layers)]
    finally:
        for hook in hooks:
            hook.remove()
    return torch.cat([_mean_over(hidden, mask) for mask in (first, second)])


def _mean_over(hidden: Tensor, mask: Tensor) -> Tensor:
    weight = mask.float()[..., None]
    return (hidden * weight).sum(1) / weight.sum(1).clamp(min=1)
