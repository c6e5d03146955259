"""Make a shallower model from chosen layers of another."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any, Literal, TypeVar

import torch
from torch import nn

from rankdistill.errors import DataError, UsageError
from rankdistill.models.families import family_of, layer_list, n_layers_of

Model = TypeVar("Model", bound=nn.Module)


def keep_layers(
    model: Model, layers: Sequence[int], *, initialize: Literal["copy", "random"] = "copy", seed: int = 0
) -> Model:
    """Return a new model of these encoder layers, in this order, with all other weights (embeddings, head) copied.

    model: a transformers model, or a `CrossEncoder`, whose tokenizer and score contract are then kept; unchanged.
    layers: indices from 0; a layer may be taken more than once. ``config.num_hidden_layers`` becomes their number.
    initialize: "random" draws every weight afresh by ``seed`` instead: the same shape, nothing learned.
    Raises `UsageError` for no layer or one out of range, `DataError` where the model has no list of layers, or where a
    layer does not fit the place of another.
    Source: students of PD-BERT and Simplified TinyBERT start from layers of their teacher (docs/papers.md).
    """
    if not isinstance(model, nn.Module):
        wrapped: Any = model
        return wrapped.with_model(keep_layers(wrapped.model, layers, initialize=initialize, seed=seed))
    if initialize not in ("copy", "random"):
        raise UsageError(f"initialize must be 'copy' or 'random', got {initialize!r}")
    source: Any = model
    n_layers = n_layers_of(source)
    layers = [int(layer) for layer in layers]
    outside = [layer for layer in layers if not 0 <= layer < n_layers]
    if not layers or outside:
        raise UsageError(
            f"got layers {layers}, expected at least one, each from 0 to {n_layers - 1}: the model has {n_layers}"
        )
    path = layer_list(model)
    config = copy.deepcopy(source.config)
    config.num_hidden_layers = len(layers)
    if len(getattr(config, "layer_types", None) or []) == n_layers:
        config.layer_types = [config.layer_types[layer] for layer in layers]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        shallow: Any = type(source)(config)
    if initialize == "copy":
        _copy_weights(source, shallow, path, layers)
    shallow = shallow.to(dtype=source.dtype, device=source.device)
    shallow.train(source.training)
    return shallow


def _copy_weights(source: nn.Module, target: nn.Module, path: str, layers: Sequence[int]) -> None:
    """Load ``source``'s weights into ``target``, whose layer i is ``source``'s layer ``layers[i]``."""
    inside = path + "."
    weights = source.state_dict()
    chosen = {key: value for key, value in weights.items() if not key.startswith(inside)}
    for new, old in enumerate(layers):
        prefix = f"{inside}{old}."
        chosen.update(
            {f"{inside}{new}.{key[len(prefix) :]}": weights[key] for key in weights if key.startswith(prefix)}
        )
    try:
        target.load_state_dict(chosen)
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise DataError(
            f"layers {list(layers)} of {family_of(source).name} do not fit each other's places ({reason}): a first "
            "layer of this family fits the first place alone"
        ) from error
