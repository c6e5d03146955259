"""written: a command's parameters as the options of a YAML file, which ``--config`` reads back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from cyclopts import Parameter

LEFT_OUT = ("out", "config", "json")
"""Options that say where results go and in what form, not what they are."""


def written(command: Callable[..., Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Option name -> value as YAML has it, of all parameters of a command but `LEFT_OUT`.

    parameters: name -> value, as ``locals()`` has them on the command's first line. A dataclass is written field by
    field, under ``PREFIX.`` where it is annotated ``Parameter(name="--PREFIX")`` rather than "*", as on the command
    line. An option that has no value is null, which a file may say too.
    """
    return dict(_options(get_type_hints(command, include_extras=True), parameters, ""))


def _options(hints: Mapping[str, Any], values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        option = _option_name(hints[name]) or name
        if is_dataclass(value):
            inside = {each.name: getattr(value, each.name) for each in fields(value)}
            flat = prefix if option == "*" else f"{prefix}{option}."
            yield from _options(get_type_hints(type(value), include_extras=True), inside, flat)
        elif option not in LEFT_OUT:
            yield prefix + option, _plain(value)


def _option_name(hint: Any) -> str | None:
    """The name that an annotation gives the option, without dashes; None where it is the parameter's own."""
    for annotation in get_args(hint)[1:] if get_origin(hint) is Annotated else ():
        if isinstance(annotation, Parameter) and annotation.name:
            return next(iter(annotation.name)).removeprefix("--")
    return None


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path) else value
