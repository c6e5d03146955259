"""The one forward pass: what a model gives for a padded batch, as much of it as the caller reads.

Engines, exports, the trainer and imitation run their models here. Here alone is decided whether the last layer is
computed for its first token only, in what precision, and what is recorded on the way.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn

from rankdistill.errors import DataError, UnknownNameError, UsageError
from rankdistill.models.companions import HEAD, companions_of
from rankdistill.models.families import (
    Family,
    Pooling,
    Projection,
    family_of,
    head_of,
    layers_of,
    pooling_of,
)
from rankdistill.models.first_token import replaced_forward
from rankdistill.models.last_token import head_reads_last_token, last_token, positions
from rankdistill.models.pack import Pack
from rankdistill.models.precision import computing_in, evaluating, head_in_float32
from rankdistill.models.recurrent.layer_mean import mean_of_first

OWN = ""
"""Name of the model's own head; other names are heads beside it, see `rankdistill.models.companions`."""
RELATIONS = "relations"
"""Queries, keys and values of one layer; where nothing else is read, nothing after them is computed."""
READS: dict[str, bool] = {
    "logits": False,
    "pooled": False,
    "hidden before the last": False,
    "hidden": True,
    "queries": True,
    "keys": True,
    "values": True,
    RELATIONS: True,
}
"""What can be read of a forward pass -> whether it needs the last layer's output for every token."""
PROJECTIONS = ("queries", "keys", "values")


@dataclass(frozen=True)
class Outputs:
    """What a model gave for P pairs of at most L tokens; what was not read is empty."""

    logits: Mapping[str, Tensor]
    """Head -> (P, n_logits), float32; `OWN` is the model's own; none where only `RELATIONS` are read."""
    tokens: Tensor
    """bool (P, L), True where a token is no padding."""
    family: Family
    n_heads: int
    hidden: Sequence[Tensor] = ()
    """float (P, L, H): the embeddings and then each layer's output; the last may have length 1 where it is not read."""
    pooled: Tensor | None = None
    """float (P, H): the last layer's output at the token that the head reads."""
    queries: Sequence[Tensor] = ()
    """float (P, L, width), what each layer's query projection gives; keys and values may be narrower."""
    keys: Sequence[Tensor] = ()
    values: Sequence[Tensor] = ()
    related: tuple[Tensor, Tensor, Tensor] | None = None
    """Queries, keys and values, float (P, L, width), of the one layer that `RELATIONS` are read of."""
    companions: Mapping[str, nn.Module] = field(default_factory=dict)
    """Modules beside the model while it trains, by name."""

    def attention(self, layer: int) -> Tensor:
        """A layer's attention scores QKᵀ/√d before their softmax, 0 where a token is padding: float32 (P, heads, L, L).

        Raises `DataError` for a family whose scores are not that.
        """
        check_attention(self.family)
        queries, keys = self.queries[layer], self.keys[layer]
        scale = self.tokens[..., None] / (queries.shape[-1] / self.n_heads) ** 0.25
        q, k = ((x.float() * scale).unflatten(-1, (self.n_heads, -1)).transpose(1, 2) for x in (queries, keys))
        return q @ k.transpose(-1, -2)


def check_attention(family: Family) -> None:
    """Raise `DataError` where QKᵀ/√d of a family's projections is not what its layers attend by."""
    if family.attention_adds:
        raise DataError(
            f"the attention scores of {family.name} cannot be compared: beside QKᵀ/√d they hold "
            f"{family.attention_adds}; leave losses on attention scores out of the objective"
        )


def check_reads(family: Family, reads: Collection[str]) -> None:
    """Raise `DataError` where a family has no module known to give one of the outputs."""
    for kind in PROJECTIONS:
        if kind in reads and getattr(family, kind) is None:
            raise DataError(
                f"{family.name} has no module known to give {kind}: leave the losses out that "
                "compare them (attention_mse, relations)"
            )


def forward(
    model: Any,
    inputs: Mapping[str, Tensor],
    reads: Collection[str] = ("logits",),
    *,
    dtype: str = "float32",
    heads: Collection[str] = (),
    at: Tensor | None = None,
    layer: int = -1,
    pack: Pack | None = None,
) -> Outputs:
    """Run a classification model, or DistributedDataParallel around one, on a padded batch.

    inputs: int64 (P, L) by name, such as the model takes. reads: names of `READS`; nothing else is recorded.
    dtype: "float32" or "bfloat16", see `computing_in`. heads: of the companions beside the model, whose logits are
    wanted too. at: bool (P, L), the tokens whose last hidden states are read, beside the first ones (None: all); those
    of others may be 0. layer: whose queries, keys and values are read for `RELATIONS`, from 0 or, below 0, from the
    end. pack: where the pairs are, if the inputs are one row of their tokens, (1, T), see `forward_parts`; so are then
    the outputs, but for what there is of pairs: logits, what is pooled, and a last layer at first tokens alone.
    Gradients flow unless the caller says otherwise.
    Raises `DataError` where the family has no such projections.
    """
    for name in reads:
        if name not in READS:
            raise UnknownNameError("output of a model", name, READS)
    inner = getattr(model, "module", model)
    family, pooling = family_of(inner), pooling_of(inner)
    mask = inputs.get("attention_mask")  # which a few models do not take
    tokens = mask.bool() if mask is not None else torch.ones_like(inputs["input_ids"], dtype=torch.bool)
    if pack is not None:
        tokens = pack.row(pack.masks)
    recorded: dict[str, list[Tensor | None]] = {kind: [] for kind in PROJECTIONS}
    wants_hidden = bool(heads) or any(name not in ("logits", RELATIONS, *PROJECTIONS) for name in reads)
    related: list[Tensor | None] = []
    with ExitStack() as stack:
        if RELATIONS in reads:
            # DistributedDataParallel has to see the forward pass end
            stops = set(reads) == {RELATIONS} and not heads and model is inner
            related = stack.enter_context(_recording_layer(inner, family, layer, stops))
        for kind in PROJECTIONS:
            if kind in reads:
                recorded[kind] = stack.enter_context(_recording(inner, family, kind))
        if not any(READS[name] for name in reads):
            stack.enter_context(first_token_only(inner))
        elif at is not None:
            stack.enter_context(_at_tokens(inner, at, pack))
        ends: list[Tensor] = []
        if pack is not None:
            if any(READS[name] for name in reads):
                ends = stack.enter_context(_first_of_pack(inner, pack))
            inputs = {**inputs, "pack": pack}  # type: ignore[dict-item]
        if pooling == "last":
            further: dict[str, Any] = {"position_ids": positions(tokens), "use_cache": False}
            takes = _takes(type(inner).forward)
            inputs = {**inputs, **{name: value for name, value in further.items() if name in takes}}
            if model is not inner:  # DistributedDataParallel wants its own forward pass to be called
                stack.enter_context(head_reads_last_token(inner, head_of(inner), tokens))
        stack.enter_context(computing_in(inner, dtype, tokens.device))
        states = {"output_hidden_states": True} if wants_hidden else {}
        try:
            if pooling == "last" and model is inner:  # nothing is changed in a model that other threads may run
                given = inner.base_model(**inputs, **states)
                own_logits = head_of(inner)(last_token(given.last_hidden_state, tokens))
            else:
                given = model(**inputs, **states)
                own_logits = given.logits
        except _AllRead:
            return Outputs({}, tokens, family, _n_heads(inner), related=_whole(related, family))
    hidden = tuple(given.hidden_states) if wants_hidden else ()
    if hidden and ends:
        hidden = (*hidden[:-1], *ends)
    pooled = None
    if wants_hidden:
        if pooling == "layers":
            pooled = mean_of_first(hidden)
        elif pooling == "own":
            pooled = inner.pooled(hidden[-1], tokens.long())
        else:
            pooled = _pooled(given.hidden_states[-1], tokens, pooling)
    companions = companions_of(inner)
    logits = {OWN: own_logits.float()}
    for name in heads:
        logits[name] = companions[f"{HEAD}{name}"](pooled.float() if pooled is not None else None)
    return Outputs(
        logits,
        tokens,
        family,
        _n_heads(inner),
        hidden,
        pooled,
        related=_whole(related, family) if RELATIONS in reads else None,
        companions=companions,
        **{kind: tuple(_complete(recorded[kind], family, kind)) for kind in PROJECTIONS},
    )


@cache
def _takes(function: Callable[..., Any]) -> frozenset[str]:
    """Names of a function's arguments."""
    return frozenset(inspect.signature(function).parameters)


@contextmanager
def first_token_only(model: Any) -> Iterator[None]:
    """Compute the model's last layer for its first token alone inside the block, where its family knows how to.

    The last hidden states then have length 1; the logits and their gradients are the same.
    """
    if not has_first_token_shortcut(model):
        yield
        return
    forward_at_first = family_of(model).layer_at_first_token
    assert forward_at_first is not None
    with replaced_forward(layers_of(model)[-1], forward_at_first):
        yield


@contextmanager
def _at_tokens(model: Any, wanted: Tensor, pack: Pack | None) -> Iterator[None]:
    """Compute the last layer for the first tokens and those ``wanted`` inside the block, where that is known."""
    layer_at_tokens = family_of(model).layer_at_tokens
    if layer_at_tokens is None or not has_first_token_shortcut(model):
        yield
        return
    wanted = wanted.clone()
    if pack is None:
        wanted[:, 0] = True
    else:
        wanted[0, pack.first] = True
    with replaced_forward(layers_of(model)[-1], partial(layer_at_tokens, wanted=wanted)):
        yield


@contextmanager
def _first_of_pack(model: Any, pack: Pack) -> Iterator[list[Tensor]]:
    """Show the head the last layer's output at the pairs' first tokens, (P, 1, H); yields a list that gets it all."""
    last: Any = layers_of(model)[-1]
    run, ends = last.forward, []

    def run_and_keep(_layer: nn.Module, *args: Any, **options: Any) -> Tensor:
        ends.append(run(*args, **options))
        return pack.at_first(ends[-1])

    with replaced_forward(last, run_and_keep):
        yield ends


@contextmanager
def shared_by_threads(model: Any, dtype: str) -> Iterator[None]:
    """Change in a model, once for the block, what each forward pass for logits in eval mode would change and undo.

    Threads may then run `forward` at once. dtype: that they compute in.
    """
    with evaluating(model), first_token_only(model), ExitStack() as stack:
        if dtype != "float32":
            stack.enter_context(head_in_float32(model))
        yield


def has_first_token_shortcut(model: Any) -> bool:
    """Whether `first_token_only` makes the model faster."""
    known = family_of(model).layer_at_first_token is not None and pooling_of(model) in ("first", "layers")
    classifier = type(model).__name__.endswith("ForSequenceClassification")
    return known and classifier and not getattr(model.config, "is_decoder", False)


def _pooled(hidden: Tensor, tokens: Tensor, pooling: Pooling) -> Tensor:
    """The vector that a head reads, (P, H), of the last hidden states (P, L or 1, H)."""
    if pooling == "first":
        return hidden[:, 0]
    if pooling == "last":
        return last_token(hidden, tokens)
    weights = tokens.unsqueeze(-1).to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)


def _n_heads(model: Any) -> int:
    return int(getattr(model.config, "num_attention_heads", 0))


class _AllRead(Exception):
    """Ends a forward pass of which nothing else is read; no error."""


@contextmanager
def _recording_layer(model: nn.Module, family: Family, layer: int, stops: bool) -> Iterator[list[Tensor | None]]:
    """Keep queries, keys and values of one layer while the block runs, and raise `_AllRead` then where ``stops``."""
    given: list[Tensor | None] = [None] * len(PROJECTIONS)
    layers = layers_of(model)
    if not -len(layers) <= layer < len(layers):
        raise UsageError(f"{family.name} has {len(layers)} layers here, 0 to {len(layers) - 1}, got layer {layer}")

    def keep(place: int, output: Tensor) -> None:
        given[place] = output
        if stops and all(each is not None for each in given):
            raise _AllRead

    with ExitStack() as stack:
        for place, kind in enumerate(PROJECTIONS):
            stack.enter_context(_hooked(layers[layer], family, kind, partial(keep, place)))
        yield given


def _whole(given: Sequence[Tensor | None], family: Family) -> tuple[Tensor, Tensor, Tensor]:
    for kind, tensor in zip(PROJECTIONS, given, strict=True):
        if tensor is None:
            raise DataError(f"{family.name} gave no {kind} in the layer compared: leave losses on relations out")
    return tuple(given)  # type: ignore[return-value]  # of three tensors


@contextmanager
def _hooked(layer: nn.Module, family: Family, kind: str, keep: Callable[[Tensor], None]) -> Iterator[None]:
    """Call ``keep`` with what a layer's projection of a kind gives first, while the block runs."""
    check_reads(family, [kind])
    projection: Projection = getattr(family, kind)
    module = layer.get_submodule(f"{family.attention}.{projection.name}".strip("."))
    seen = False

    def hook(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
        nonlocal seen
        if not seen:  # DeBERTa projects its relative positions by the same module afterwards
            seen = True
            width = output.shape[-1] // projection.parts
            keep(output[..., projection.part * width : (projection.part + 1) * width])

    handle = module.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def _recording(model: nn.Module, family: Family, kind: str) -> Iterator[list[Tensor | None]]:
    """Keep what each layer's projection of a kind gives first while the block runs: a list, a layer each."""
    layers = layers_of(model)
    given: list[Tensor | None] = [None] * len(layers)
    with ExitStack() as stack:
        for at, layer in enumerate(layers):
            stack.enter_context(_hooked(layer, family, kind, partial(given.__setitem__, at)))
        yield given


def _complete(given: Sequence[Tensor | None], family: Family, kind: str) -> Iterator[Tensor]:
    for layer, tensor in enumerate(given):
        if tensor is None:
            raise DataError(f"layer {layer} of {family.name} gave no {kind}: leave losses on {kind} out")
        yield tensor
