"""The forward pass of a batch in parts: all in one row of tokens where the model can, else one by one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from torch import Tensor

from rankdistill.models.attention import NAME
from rankdistill.models.families import family_of, pooling_of
from rankdistill.models.outputs import Outputs, forward, has_first_token_shortcut
from rankdistill.models.pack import Pack


def forward_parts(
    model: Any,
    parts: Sequence[Mapping[str, Tensor]],
    reads: Collection[str] = ("logits",),
    *,
    at: Sequence[Tensor] | None = None,
    **options: Any,
) -> list[Outputs]:
    """Run `forward` on every part of a batch; what it gives for each is the same, but for float noise and dropout.

    A model that trains on a CPU takes all parts in one row of their tokens, where its family is known to: its weights
    are then read, cast and given a gradient once, by larger products. at: of each part. options: further ones of
    `forward`.
    """
    inner = getattr(model, "module", model)
    if len(parts) == 1 or not takes_packs(inner):
        each = at if at is not None else [None] * len(parts)
        return [forward(model, part, reads, at=one, **options) for part, one in zip(parts, each, strict=True)]
    positions = family_of(inner).positions
    assert positions is not None
    pack = Pack([part["attention_mask"].bool() for part in parts])
    inputs = {name: pack.row([part[name] for part in parts]) for name in parts[0] if name != "attention_mask"}
    inputs["position_ids"] = pack.row([positions(inner, part["input_ids"]) for part in parts])
    outputs = forward(model, inputs, reads, at=None if at is None else pack.row(at), pack=pack, **options)
    return _split(outputs, pack)


def takes_packs(model: Any) -> bool:
    """Whether all parts of a batch are one row now: inside `float32_attention`."""
    return can_take_packs(model) and _attention(model) == NAME


def can_take_packs(model: Any) -> bool:
    """Whether all parts of a batch are one row while the model trains on a CPU."""
    known = family_of(model).positions is not None and pooling_of(model) == "first"
    return known and has_first_token_shortcut(model) and _attention(model) in ("sdpa", NAME)


def _attention(model: Any) -> str:
    """What the encoder attends by; a model that speaks as another has the other's config, see `speaking_as`."""
    return str(model.base_model.config._attn_implementation)


def _split(outputs: Outputs, pack: Pack) -> list[Outputs]:
    """The outputs of each part."""

    def of_each(rows: Sequence[Tensor]) -> list[Any]:
        # of all tokens, or of the first tokens alone
        split = [pack.split(x) if x.shape[1] == sum(pack.n_tokens) else pack.split_pairs(x) for x in rows]
        return [tuple(states[part] for states in split) for part in range(len(pack.masks))]

    def of_pairs(values: Tensor | None) -> Sequence[Any]:
        return [None] * len(pack.masks) if values is None else pack.split_pairs(values)

    logits = {head: of_pairs(values) for head, values in outputs.logits.items()}
    named = {name: of_each(getattr(outputs, name)) for name in ("hidden", "queries", "keys", "values")}
    if outputs.related is not None:
        named["related"] = of_each(outputs.related)
    pooled = of_pairs(outputs.pooled)
    return [
        replace(
            outputs,
            logits={head: values[part] for head, values in logits.items()},
            tokens=mask,
            pooled=pooled[part],
            **{name: values[part] for name, values in named.items()},
        )
        for part, mask in enumerate(pack.masks)
    ]
