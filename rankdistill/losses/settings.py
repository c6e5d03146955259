"""Values that the settings of losses may have; a setting means the same in every loss that has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import signature
from typing import Any

from rankdistill.errors import UnknownNameError, UsageError
from rankdistill.losses.insides import LAYER_MAPS
from rankdistill.losses.lambda_loss import GAINS, WEIGHTINGS
from rankdistill.losses.limits import Check, finite, number, one_of, shown, switch, whole


def layers(name: str, value: Any) -> Any:
    """Accept the name of a map of layers, or a list of layers, from 0; see `layer_map`."""
    if isinstance(value, str):
        return one_of("map of layers", LAYER_MAPS)(name, value)
    if not isinstance(value, list | tuple) or not value:
        raise UsageError(f"{name} must be one of {', '.join(LAYER_MAPS)}, or a list of layers, got {shown(value)}")
    return [whole(0, 1000)(name, layer) for layer in value]


SETTINGS: dict[str, Check] = {
    "margin": number(0, 1e6),
    "sigma": number(1e-6, 1e6),
    "temperature": number(1e-6, 1e6),
    "teacher_temperature": number(1e-6, 1e6),
    "alpha": number(1e-6, 1e6),
    "calibration": number(0, 1),
    "pool": whole(1, 1_000_000_000),
    "mu": number(0, 1e6),
    "relevant_from": number(-1e9, 1e9),
    "k": whole(1, 1_000_000),
    "lowest": number(-1e6, 1e6),
    "highest": number(-1e6, 1e6),
    "weighting": one_of("lambda weighting", WEIGHTINGS),
    "gain": one_of("gain", GAINS),
    "layers": layers,
    "shared": switch,
    "share": number(0, 1, above=True, below=True),
    "relation_heads": whole(1, 100_000),
    "layer": whole(0, 1000),
}
"""Every setting of the losses in the table -> what checks its value, where it is not None.

Settings of losses that users add may be anything but numbers that are not finite."""


def settings_of(function: Callable[..., Any]) -> dict[str, bool]:
    """Names of a loss's settings -> whether they may be None."""
    named = signature(function).parameters.values()
    keywords = [each for each in named if each.kind is each.KEYWORD_ONLY and each.name != "labels"]
    return {each.name: "None" in str(each.annotation) for each in keywords}


def checked(loss: str, function: Callable[..., Any], values: Mapping[str, Any], others: tuple[str, ...] = ()) -> dict:
    """Return the settings of a loss as Python's own types. Raises `UsageError` for values that cannot be meant.

    Raises `UnknownNameError` for a setting that the loss does not have; others: further names that it lists.
    """
    known = settings_of(function)
    for name in values:
        if name not in known:
            raise UnknownNameError(f"setting of {loss}", name, [*known, *others])
    return {
        name: None if value is None and known[name] else SETTINGS.get(name, finite)(f"{name} of {loss}", value)
        for name, value in values.items()
    }
