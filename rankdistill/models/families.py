"""The table of model families: where a classifier keeps its layers, projections and head, and what its head reads.

Everything that looks inside a model reads this table: the choice of layers, losses on a model's insides, the
first-token shortcut, heads, exports and int8. A model type without a row is guessed by structure, with a warning.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import torch
from torch import Tensor, nn

from rankdistill.errors import DataError
from rankdistill.models.first_token import (
    bert_layer_at_first_token,
    bert_layer_at_tokens,
    modernbert_layer_at_first_token,
)

Pooling = Literal["first", "last", "mean", "own", "layers"]
"""The token that a head reads: the first, the last that is no padding, the mean of all that are no padding, what the
model's own method ``pooled`` makes of them, or the mean of all layers' first tokens."""


@dataclass(frozen=True)
class Projection:
    """A linear map inside an attention module: the whole output of ``name``, or one of ``parts`` equal slices of it."""

    name: str
    part: int = 0
    parts: int = 1


@dataclass(frozen=True)
class MaskedLMParts:
    """Where a ``…ForMaskedLM`` checkpoint has its head: a dense layer, an activation, a norm, a map with a bias."""

    dense: str
    norm: str
    bias: tuple[str, ...]
    """Names that the bias of the map may have: it is one tensor under two, and files keep one."""
    activation: str = ""
    """By its name in transformers; empty: the config's ``hidden_act``."""


@dataclass(frozen=True)
class Family:
    """Where the parts of a ``…ForSequenceClassification`` model are; names are dotted paths of modules."""

    name: str
    """As messages call it."""
    layers: str
    """The list of layers, from the whole model."""
    attention: str
    """The attention module, from a layer."""
    queries: Projection | None
    """From the attention module, like ``keys`` and ``values``; None where there is none."""
    keys: Projection | None
    values: Projection | None
    head: str
    """The linear map that gives the logits, from the whole model."""
    attention_adds: str = ""
    """What the attention scores hold beside QKᵀ/√d of the projections; empty where they are exactly that."""
    pooling: Pooling = "first"
    """The token that the head reads, unless the config says otherwise (``classifier_pooling``)."""
    final_norm: str = ""
    """A norm after the last layer, from the whole model, where there is one outside the layers."""
    layer_at_first_token: Callable[..., Any] | None = None
    """The last layer's output at its first token alone; see `rankdistill.models.first_token`. None: not known."""
    layer_at_tokens: Callable[..., Any] | None = None
    """The same at chosen tokens; known where the other is."""
    positions: Callable[[Any, Tensor], Tensor] | None = None
    """Of a model: the numbers of positions that it gives to tokens, int64 (B, L), where it takes such numbers and its
    attention is transformers' (``AttentionInterface``), so that pairs can be in one row, see `rankdistill.models.pack`.
    None: not so, or not known."""
    masked_lm: MaskedLMParts | None = None
    """The head of ``…ForMaskedLM``; None where there is no such model."""
    states_of_tokens: bool = True
    """Whether the last hidden state has a row for each token; else it is the one vector that the head reads."""
    in_int8: tuple[str, ...] = ()
    """Of a network without a list of layers, the modules whose matrices are in int8 where the model is."""


_BERT_LAYER: dict[str, Any] = {
    "attention": "attention.self",
    "queries": Projection("query"),
    "keys": Projection("key"),
    "values": Projection("value"),
    "layer_at_first_token": bert_layer_at_first_token,
    "layer_at_tokens": bert_layer_at_tokens,
}
_CLS = MaskedLMParts(
    "cls.predictions.transform.dense",
    "cls.predictions.transform.LayerNorm",
    ("cls.predictions.bias", "cls.predictions.decoder.bias"),
)
_LM_HEAD = MaskedLMParts("lm_head.dense", "lm_head.layer_norm", ("lm_head.bias", "lm_head.decoder.bias"), "gelu")


def _from_0(_model: Any, ids: Tensor) -> Tensor:
    return torch.arange(ids.shape[1], device=ids.device).expand(ids.shape)


def _after_padding(model: Any, ids: Tensor) -> Tensor:
    """RoBERTa's: from the padding token's number on, which padding has itself, also in the middle of a text."""
    padding = model.base_model.embeddings.padding_idx
    seen = ids != padding
    return seen.cumsum(1) * seen + padding


_ROBERTA = Family(
    "RoBERTa",
    "roberta.encoder.layer",
    head="classifier.out_proj",
    positions=_after_padding,
    masked_lm=_LM_HEAD,
    **_BERT_LAYER,
)
_DECODER: dict[str, Any] = {
    "layers": "model.layers",
    "attention": "self_attn",
    "queries": Projection("q_proj"),
    "keys": Projection("k_proj"),
    "values": Projection("v_proj"),
    "head": "score",
    "attention_adds": "positions by rotation",
    "pooling": "last",
    "final_norm": "model.norm",
}
_RECURRENT: dict[str, Any] = {
    "layers": "",
    "attention": "",
    "queries": None,
    "keys": None,
    "values": None,
    "states_of_tokens": False,
    "in_int8": ("embeddings", "frozen", "projection", "dense"),
}
"""Networks without a list of layers."""

FAMILIES: dict[str, Family] = {
    "bert": Family("BERT", "bert.encoder.layer", head="classifier", positions=_from_0, masked_lm=_CLS, **_BERT_LAYER),
    "roberta": _ROBERTA,
    "xlm-roberta": _ROBERTA,
    "camembert": _ROBERTA,
    "electra": Family(
        "ELECTRA",
        "electra.encoder.layer",
        head="classifier.out_proj",
        positions=_from_0,
        masked_lm=MaskedLMParts(
            "generator_predictions.dense", "generator_predictions.LayerNorm", ("generator_lm_head.bias",), "gelu"
        ),
        **_BERT_LAYER,
    ),
    "distilbert": Family(
        "DistilBERT",
        "distilbert.transformer.layer",
        "attention",
        Projection("q_lin"),
        Projection("k_lin"),
        Projection("v_lin"),
        "classifier",
        masked_lm=MaskedLMParts("vocab_transform", "vocab_layer_norm", ("vocab_projector.bias",), "gelu"),
    ),
    "mpnet": Family(
        "MPNet",
        "mpnet.encoder.layer",
        "attention.attn",
        Projection("q"),
        Projection("k"),
        Projection("v"),
        "classifier.out_proj",
        attention_adds="a bias by relative position",
        masked_lm=_LM_HEAD,
    ),
    "deberta-v2": Family(
        "DeBERTa-v2",
        "deberta.encoder.layer",
        "attention.self",
        Projection("query_proj"),
        Projection("key_proj"),
        Projection("value_proj"),
        "classifier",
        attention_adds="terms of relative positions",
        masked_lm=_CLS,
    ),
    "modernbert": Family(
        "ModernBERT",
        "model.layers",
        "attn",
        Projection("Wqkv", 0, 3),
        Projection("Wqkv", 1, 3),
        Projection("Wqkv", 2, 3),
        "classifier",
        attention_adds="positions by rotation",
        final_norm="model.final_norm",
        layer_at_first_token=modernbert_layer_at_first_token,
        masked_lm=MaskedLMParts("head.dense", "head.norm", ("decoder.bias",), "gelu"),
    ),
    "qwen3": Family("Qwen3", **_DECODER),
    "qwen2": Family("Qwen2", **_DECODER),
    "llama": Family("Llama", **_DECODER),
    "mistral": Family("Mistral", **_DECODER),
    "gemma": Family("Gemma", **_DECODER),
}
"""``config.model_type`` -> family. A new family is a row here and one in the tests' list of tiny models."""
FROM_SCRATCH: dict[str, Family] = {
    "rankdistill-bilstm": Family("BiLSTM", head="classifier", **_RECURRENT),
    "rankdistill-biattentive": Family("bi-attentive LSTM", head="classifier", **_RECURRENT),
    "rankdistill-layer-mean": Family(
        "layer-mean transformer", "bert.encoder.layer", head="classifier", pooling="layers", **_BERT_LAYER
    ),
}
"""The same of the students of `rankdistill.models.recurrent`, which transformers does not have."""


def family_of(model: Any) -> Family:
    """Return the family of a transformers classification model, guessed from its structure where it has no row.

    A guess is reported once for each model type. What the structure does not show is empty in it, and refused where it
    is needed, see `layer_list` and `head_of`.
    """
    model_type = model.config.model_type
    if known := FAMILIES.get(model_type) or FROM_SCRATCH.get(model_type):
        return _as_built(known, model)
    key = type(model), n_layers_of(model), int(model.config.num_labels)
    if key not in _GUESSES:
        _GUESSES[key] = _guess(model)
        _report_guess(model_type, _GUESSES[key].layers, _GUESSES[key].head)
    return _as_built(_GUESSES[key], model)


def _as_built(family: Family, model: Any) -> Family:
    """The family, with what a model built of modules states about itself (``family_changes``)."""
    changes = getattr(model, "family_changes", None)
    return family if changes is None else replace(family, **changes)


def n_layers_of(model: Any) -> int:
    """Number of encoder layers."""
    return int(model.config.num_hidden_layers)


def layer_list(model: Any) -> str:
    """Dotted name of the module list that holds the encoder layers; `DataError` where there is none."""
    layers = family_of(model).layers
    if not layers:
        raise DataError(
            f"{type(model).__name__} holds no list of its {n_layers_of(model)} layers (are they shared?): nothing "
            "inside it can be chosen, compared or cut"
        )
    return layers


def layers_of(model: Any) -> list[nn.Module]:
    """The encoder layers; `DataError` where the model has no list of them."""
    layers: Any = model.get_submodule(layer_list(model))
    return list(layers)


def head_of(model: Any) -> nn.Linear:
    """The linear map that makes the logits; `DataError` where there is none."""
    name = family_of(model).head
    if not name:
        raise DataError(f"{type(model).__name__} has no linear map to its {model.config.num_labels} logits")
    head: Any = model.get_submodule(name)
    return head


def pooling_of(model: Any) -> Pooling:
    """The token that the head reads."""
    if hasattr(model, "family_changes"):
        return family_of(model).pooling
    stated: dict[str, Pooling] = {"cls": "first", "mean": "mean"}
    return stated.get(getattr(model.config, "classifier_pooling", ""), family_of(model).pooling)


# -- the guess ---------------------------------------------------------------------------------------------------------

_GUESSES: dict[tuple[type, int, int], Family] = {}
"""Class of models, number of layers and of logits -> what was guessed."""
_NAMES = {
    "queries": ("query", "q_lin", "q_proj", "query_proj", "q"),
    "keys": ("key", "k_lin", "k_proj", "key_proj", "k"),
    "values": ("value", "v_lin", "v_proj", "value_proj", "v"),
}


def _guess(model: Any) -> Family:
    """Find by structure: the outermost list of as many modules as there are layers, and the last map to the logits."""
    n_layers, n_logits = n_layers_of(model), model.config.num_labels
    lists = [n for n, m in model.named_modules() if isinstance(m, nn.ModuleList) and len(m) == n_layers]
    heads = [n for n, m in model.named_modules() if isinstance(m, nn.Linear) and m.out_features == n_logits]
    layers = min(lists, key=lambda name: (name.count("."), name), default="")
    head = heads[-1] if heads else ""
    first = model.get_submodule(layers)[0].named_modules() if layers else ()
    inside = {name.rpartition(".")[2]: name for name, _ in first}
    paths = {kind: next((inside[n] for n in names if n in inside), None) for kind, names in _NAMES.items()}
    attention = (paths["queries"] or "").rpartition(".")[0]
    projections = {
        kind: Projection(path.removeprefix(f"{attention}.")) if path is not None else None
        for kind, path in paths.items()
    }
    return Family(
        f"{type(model).__name__} ({model.config.model_type!r}, guessed by its structure)",
        layers,
        attention,
        projections["queries"],
        projections["keys"],
        projections["values"],
        head,
        attention_adds="nobody knows what, as the family has no row in FAMILIES",
        pooling="last" if getattr(model.config, "is_decoder", False) or head == "score" else "first",
    )


@cache
def _report_guess(model_type: str, layers: str, head: str) -> None:
    warnings.warn(
        f"model type {model_type!r} has no row in rankdistill's table of model families: guessed that its layers are "
        f"{layers or 'shared'!r} and its head is {head or 'no linear map'!r}",
        stacklevel=4,
    )
