"""Limits of settings: a number of another type, one that is not finite, or one that cannot be meant is refused by name.

Used where settings are made, so that a mistake costs no work.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable
from numbers import Integral, Real
from typing import Any

from rankdistill.errors import UnknownNameError, UsageError

Check = Callable[[str, Any], Any]
"""(name of a setting, value) -> the value as Python's own type; raises `UsageError` for one that cannot be."""


def whole(least: int, most: int, also: Collection[int] = ()) -> Check:
    """Accept whole numbers from ``least`` to ``most``, and ``also`` others, which stand for something else."""

    others = "".join(f", or {each}" for each in also)

    def check(name: str, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, Integral):
            raise UsageError(f"{name} must be a whole number from {least:,} to {most:,}{others}, got {shown(value)}")
        given = int(value)
        if given < least and given not in also:
            raise UsageError(f"{name} must be at least {least:,}{others}, got {shown(given)}")
        if given > most:
            raise UsageError(f"{name} must be at most {most:,}, got {shown(given)}")
        return given

    return check


def number(least: float, most: float, *, above: bool = False, below: bool = False) -> Check:
    """Accept finite numbers from ``least`` to ``most``; above, below: without ``least``, without ``most``."""

    def check(name: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, Real):
            raise UsageError(f"{name} must be a number from {least:g} to {most:g}, got {shown(value)}")
        try:
            given = float(value)
        except OverflowError:
            given = math.inf
        if not (given > least if above else given >= least):
            raise UsageError(f"{name} must be {'above' if above else 'at least'} {least:g}, got {shown(value)}")
        if not (given < most if below else given <= most):
            raise UsageError(f"{name} must be {'below' if below else 'at most'} {most:g}, got {shown(value)}")
        return given

    return check


def one_of(kind: str, names: Iterable[str]) -> Check:
    """Accept one of these names; others raise `UnknownNameError`, which lists them."""
    known = tuple(names)

    def check(name: str, value: Any) -> str:
        if value not in known:
            raise UnknownNameError(kind, value if isinstance(value, str) else shown(value), known)
        return str(value)

    return check


def text(most: int) -> Check:
    """Accept text of at most ``most`` characters in one line."""

    def check(name: str, value: Any) -> str:
        if not isinstance(value, str) or len(value) > most or not value.isprintable():
            raise UsageError(f"{name} must be a line of at most {most:,} characters, got {shown(value)}")
        return value

    return check


def finite(name: str, value: Any) -> Any:
    """Accept everything but a number that is infinite or undefined."""
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"{name} must be finite, got {value}")
    return value


def switch(name: str, value: Any) -> bool:
    """Accept True and False."""
    if not isinstance(value, bool):
        raise UsageError(f"{name} must be True or False, got {shown(value)}")
    return value


def shown(value: Any) -> str:
    """Write a value for a message: cut where it is long, for numbers too that Python refuses to write out."""
    try:
        text = repr(value)
    except ValueError:
        return "a number of thousands of digits"
    return text if len(text) <= 60 else f"{text[:40]}... ({len(text):,} characters)"
