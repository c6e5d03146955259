"""Whole numbers on the command line and in YAML files are whole: the parser of options would round 2.5 to 2."""

from __future__ import annotations

from typing import Any, get_args

from cyclopts import App, ArgumentCollection

from rankdistill.errors import UsageError


def refuse_fractions(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
    """Raise `UsageError` where an option of whole numbers is given a fraction; cyclopts calls this before it converts.

    A number such as 30.0 is whole.
    """
    for argument in arguments:
        if _is_whole(argument.hint):
            for token in argument.tokens:
                if _is_fraction(token.value):
                    raise UsageError(f"{argument.name} takes a whole number, got {token.value!r}")


def _is_whole(hint: Any) -> bool:
    return hint is int or any(_is_whole(part) for part in get_args(hint))


def _is_fraction(text: str) -> bool:
    try:
        return "." in text and not float(text).is_integer()
    except ValueError:
        return False  # which the conversion reports
