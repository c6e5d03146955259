"""MiniLMv2's loss: how a layer's queries, keys and values relate the tokens of a text, a student's and its teacher's.

A student of any width and any number of attention heads can learn it, without projections: vectors of all heads are put
together and cut anew into as many relation heads on both sides. Source: MiniLMv2 eq. 3 to 6; CC §2.2 (docs/papers.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd
from typing import Any

import torch
from torch import Tensor, nn

from rankdistill.errors import DataError, UsageError
from rankdistill.losses.divergence import summed_divergence
from rankdistill.models.families import family_of, layers_of, n_layers_of
from rankdistill.models.outputs import PROJECTIONS, Outputs, check_reads

BASE_HEADS, LARGE_HEADS, LARGE_WIDTH = 48, 64, 1024
"""Relation heads for a teacher of base size, for one of large size, and the width from which it is that."""
BASE_LAYERS = 12
"""Layers up to which a teacher is of base size, and teaches by its last."""
NARROWEST, PAPERS_NARROWEST = 8, 384
"""Components of a relation head, at least, and the width of the paper's narrowest students: these have 8 with 48 heads,
and 6 with 64, as in the paper."""

TRANSFORMERS = {"student": "transformer:LxH, or --layers of the teacher", "teacher": "BERT"}
"""Examples, for messages."""


def relations(
    student: Outputs | Sequence[Outputs],
    teacher: Outputs | Sequence[Outputs],
    mask: Tensor,
    *,
    labels: Tensor | None = None,
    relation_heads: int | None = None,
    layer: int | None = None,
) -> Tensor:
    """Sum KL(teacher || student) of the relations by queries, by keys and by values, each a mean over tokens and heads.

    The student's last layer learns from the teacher's ``layer``. student, teacher: outputs of the same pairs, whole or
    in parts. A relation head's relations are softmax(X Xᵀ/√d) over the tokens of a pair, X the (n, d) slice of the
    vectors that is the head's. Padding is neither a row nor a column. The mean is over all tokens of the batch.
    relation_heads: None: see `choose_heads`. layer: of the teacher, from 0; None: see `choose_layer`. Mask and labels
    are not used. Raises `UsageError` for widths that do not divide by relation_heads, and for a layer that is none.
    """
    own, its = _parts(student), _parts(teacher)
    pairs = [(_vectors(a, -1), _vectors(b, _layer_of(b, layer))) for a, b in zip(own, its, strict=True)]
    widths = [(a.shape[-1], b.shape[-1]) for a, b in zip(*pairs[0], strict=True)]
    n_heads = choose_heads(widths, relation_heads)
    total: Tensor = sum(  # type: ignore[assignment]  # there is at least one part
        summed_divergence(a, b, part.tokens, n_heads)
        for part, (ours, theirs) in zip(own, pairs, strict=True)
        for a, b in zip(ours, theirs, strict=True)
    )
    n_tokens = torch.stack([part.tokens.sum() for part in own]).sum()
    return total / (n_heads * n_tokens.clamp(min=1))


def choose_heads(widths: Sequence[tuple[int, int]], relation_heads: int | None = None) -> int:
    """The number of relation heads for vectors of these widths, each of the student and the teacher.

    None: 48, or 64 for a teacher of 1024 or wider, as MiniLMv2 has; where that does not divide the widths, or leaves
    fewer than 8 components to a head, the greatest number below it that divides them and leaves 8. A width of 384 has 6
    with 64 heads, as in the paper. Raises `UsageError`, which names the widths and what divides them, for a number that
    does not.
    """
    every = sorted({width for pair in widths for width in pair})
    common = gcd(*every)
    divisors = [n for n in range(1, min(common, 1024) + 1) if common % n == 0]
    if relation_heads is not None:
        if common % relation_heads:
            shown = ", ".join(map(str, divisors[-12:]))
            raise UsageError(
                f"{relation_heads} relation heads do not divide the widths {_listed(widths)}: what divides both is "
                f"{shown}"
            )
        return relation_heads
    wanted = _papers_heads(widths)
    if common % wanted == 0 and (every[0] // wanted >= NARROWEST or every[0] == PAPERS_NARROWEST):
        return wanted
    fitting = [n for n in divisors if n <= wanted and (every[0] // n >= NARROWEST or n == 1)]
    if common == 1:
        raise UsageError(
            f"no number of relation heads but 1 divides the widths {_listed(widths)}: take a student's width that has "
            "a divisor in common with the teacher's"
        )
    return fitting[-1]


def choose_layer(n_layers: int, layer: int | None = None) -> int:
    """The layer, from 0, of a teacher of so many that a student learns from; `UsageError` for one that it has not.

    None: the last of up to 12 layers; of more, the 19th of 24 and in proportion, as MiniLMv2 chooses for RoBERTa's
    large model.
    """
    if layer is None:
        return n_layers - 1 if n_layers <= BASE_LAYERS else -(-19 * n_layers // 24) - 1
    if not 0 <= layer < n_layers:
        raise UsageError(f"the teacher has {n_layers} layers, 0 to {n_layers - 1}, and no layer {layer} to learn from")
    return layer


def check_relations(student: Any, teacher: Any, relation_heads: int | None = None, layer: int | None = None) -> None:
    """Raise where `relations` cannot compare two transformers models: their families, widths or layers."""
    choose_heads(_compared_widths(student, teacher, layer), relation_heads)


def told_relations(student: Any, teacher: Any, relation_heads: int | None = None, layer: int | None = None) -> str:
    """Say how many relation heads are compared, and of which of the teacher's layers."""
    widths = _compared_widths(student, teacher, layer)
    n_heads, n_layers = choose_heads(widths, relation_heads), n_layers_of(teacher)
    wanted = _papers_heads(widths)
    forced = relation_heads is None and n_heads != wanted
    fault = "leave a head too few components of" if _divides(wanted, widths) else "do not divide"
    why = f" ({wanted} {fault} the widths {_listed(widths)})" if forced else ""
    at = choose_layer(n_layers, layer)
    return f"{n_heads} relation heads{why}, from layer {at} of the teacher's {n_layers}, from 0"


def _compared_widths(student: Any, teacher: Any, layer: int | None) -> list[tuple[int, int]]:
    """Widths of the student's and the teacher's queries, keys and values in the layers that are compared."""
    for role, model in (("student", student), ("teacher", teacher)):
        family = family_of(model)
        if not family.layers:
            raise DataError(
                f"relations compare queries, keys and values in a list of attention layers, and the {role}, "
                f"{family.name}, has none: take a transformer, such as " + TRANSFORMERS[role]
            )
    own = widths_of(student, n_layers_of(student) - 1)
    its = widths_of(teacher, choose_layer(n_layers_of(teacher), layer))
    return list(zip(own, its, strict=True))


def _divides(n_heads: int, widths: Sequence[tuple[int, int]]) -> bool:
    return all(width % n_heads == 0 for pair in widths for width in pair)


def _papers_heads(widths: Sequence[tuple[int, int]]) -> int:
    return LARGE_HEADS if widths[0][1] >= LARGE_WIDTH else BASE_HEADS


def widths_of(model: Any, layer: int) -> list[int]:
    """Widths of a layer's queries, keys and values; `DataError` where the family has no modules known to give them."""
    family, widths = family_of(model), []
    check_reads(family, PROJECTIONS)
    inside: nn.Module = layers_of(model)[layer]
    for kind in PROJECTIONS:
        projection = getattr(family, kind)
        module: Any = inside.get_submodule(f"{family.attention}.{projection.name}".strip("."))
        widths.append(int(module.out_features) // projection.parts)
    return widths


def _parts(outputs: Outputs | Sequence[Outputs]) -> Sequence[Outputs]:
    return (outputs,) if isinstance(outputs, Outputs) else outputs


def _vectors(outputs: Outputs, layer: int) -> tuple[Tensor, Tensor, Tensor]:
    """Queries, keys and values of the layer that is compared: the recorded ones, else of all layers' its own."""
    if outputs.related is not None:
        return outputs.related
    return outputs.queries[layer], outputs.keys[layer], outputs.values[layer]


def _layer_of(teacher: Outputs, layer: int | None) -> int:
    return -1 if teacher.related is not None else choose_layer(len(teacher.queries), layer)


def _listed(widths: Sequence[tuple[int, int]]) -> str:
    """Write the widths of the student and the teacher, of each kind where they differ between kinds."""
    if len(set(widths)) == 1:
        return "{} of the student and {} of the teacher".format(*widths[0])
    each = zip(PROJECTIONS, widths, strict=False)
    return ", ".join(f"{own} and {its} of {kind}" for kind, (own, its) in each) + " (student, teacher)"
