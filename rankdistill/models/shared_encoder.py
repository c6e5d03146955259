"""One encoder shared by the models of several tasks, each with a head of its own; the whole is trained as one."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from torch import nn

from rankdistill.errors import DataError, UsageError
from rankdistill.models.companions import NAME as COMPANIONS
from rankdistill.models.contract import ScoreContract
from rankdistill.models.cross_encoder import CrossEncoder
from rankdistill.models.encoder_parts import encoder_parts
from rankdistill.models.labels import name_logits
from rankdistill.models.untrained import head_weights


def head_parts(model: Any) -> list[str]:
    """Names of the modules of a network that are its head: all that is not in its encoder.

    Raises `DataError` where the network does not tell its encoder from its head.
    """
    inside = encoder_parts(model)
    children = [name for name, _ in model.named_children() if name != COMPANIONS]
    if not set(inside) & set(children):
        raise DataError(f"{type(model).__name__} has no encoder apart from its head, so that tasks cannot share it")
    return [name for name in children if name not in inside]


def share_encoder(models: Mapping[str, CrossEncoder]) -> None:
    """Give the models of several tasks the encoder of the first one, in place; each keeps its own head.

    models: task -> model. An update of one model's encoder is then one of all. Raises `UsageError` where they do not
    read the same tokens or are no networks of one shape, with the names of the tasks.
    """
    (first_name, first), *others = models.items()
    parts = head_parts(first.model)
    for name, other in others:
        _check_alike(first_name, first, name, other)
        for part, module in first.model.named_children():
            if part not in parts:
                setattr(other.model, part, module)


def with_new_head(model: CrossEncoder, contract: ScoreContract, labels: Sequence[str], n_texts: int) -> CrossEncoder:
    """Make a model of another task that has the encoder of ``model``, the same modules, and a head of its own.

    Pairs are read in the prompt of ``model``, if it has one. labels: names of the logits (empty: LABEL_0 …). The head
    is drawn from torch's generator.
    """
    config = copy.deepcopy(model.model.config)
    name_logits(config, list(labels) or [f"LABEL_{place}" for place in range(contract.n_logits)])
    if hasattr(config, "n_texts"):
        config.n_texts = n_texts
    network = type(model.model)(config).eval()
    other = CrossEncoder(
        network,
        model.tokenizer,
        contract,
        max_length=model.max_length,
        prompt=model.prompt,
        n_texts=n_texts,
        asked=model.asked if n_texts == 2 else None,
        untrained=head_weights(network),
    )
    share_encoder({"": model, "another": other})
    return other


def heads_beside(models: Mapping[str, CrossEncoder]) -> dict[str, nn.Module]:
    """The heads of all tasks but the first as modules to train beside its network, by names that modules may have."""
    return {f"task {place}": _head(each.model) for place, each in enumerate(models.values()) if place}


@contextmanager
def speaking_as(model: Any, other: Any) -> Iterator[None]:
    """Give a network the head and config of another that shares its encoder, inside the block.

    What wraps the first network, such as DistributedDataParallel, then computes the other one's logits.
    """
    if other is model:
        yield
        return
    own, config = {name: getattr(model, name) for name in head_parts(model)}, model.config
    try:
        for name in own:
            setattr(model, name, getattr(other, name))
        model.config = other.config
        yield
    finally:
        for name, module in own.items():
            setattr(model, name, module)
        model.config = config


def _head(model: Any) -> nn.ModuleDict:
    return nn.ModuleDict({name: getattr(model, name) for name in head_parts(model)})


def _check_alike(first_name: str, first: CrossEncoder, name: str, other: CrossEncoder) -> None:
    """Raise `UsageError` where two tasks' models cannot share an encoder."""
    both = f"the models of the tasks {first_name!r} and {name!r}"
    if first.tokenizer.get_vocab() != other.tokenizer.get_vocab():
        raise UsageError(f"{both} do not share a vocabulary, so that they cannot share an encoder: take one tokenizer")
    if type(first.model) is not type(other.model):
        kinds = f"{type(first.model).__name__} and {type(other.model).__name__}"
        raise UsageError(f"{both} are networks of two kinds, {kinds}: models of one kind share an encoder")
    one, two = (_shapes(each.model) for each in (first, other))
    for weight in {**one, **two}:
        if one.get(weight) != two.get(weight):
            shapes = " and ".join(str(each.get(weight, "none")) for each in (one, two))
            raise UsageError(f"{both} have encoders of two shapes: their {weight} is {shapes}")


def _shapes(model: Any) -> dict[str, tuple[int, ...]]:
    """Names and shapes of an encoder's weights."""
    outside = tuple(f"{name}." for name in (*head_parts(model), COMPANIONS))
    return {name: tuple(each.shape) for name, each in model.state_dict().items() if not name.startswith(outside)}
