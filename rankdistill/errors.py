"""Errors that a user can cause; each names what was got, what was expected and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

MANY = 60  # a message lists at most this many valid names, and of more only those that are similar


class RankDistillError(Exception):
    """Base class of all errors of this package; the command line prints them without a traceback and exits with 1."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by message and attributes, for processes that report to another one."""
        return _made_again, (type(self), self.args, self.__dict__)


class UsageError(RankDistillError, ValueError):
    """Invalid argument; the command line exits with 2."""


class FileFormatError(RankDistillError):
    """Line of a file that does not have the expected form."""

    def __init__(self, path: str | Path, line: int, got: str, expected: str) -> None:
        self.path, self.line, self.got, self.expected = str(path), line, got, expected
        shown = got if len(got) <= 120 else got[:117] + "..."
        super().__init__(f"{path}:{line}: got {shown!r}, expected {expected}")


class DataError(RankDistillError):
    """Invalid or inconsistent data: an id without a text, a duplicate document, a teacher without a score."""


class TrainingError(RankDistillError):
    """Training that cannot go on: a loss or weights that are not finite."""


class MissingExtraError(RankDistillError):
    """Optional dependency that is not installed."""

    def __init__(self, purpose: str, extra: str) -> None:
        super().__init__(f"{purpose} needs an optional dependency: pip install 'rankdistill[{extra}]'")


def _made_again(kind: type[RankDistillError], args: tuple[Any, ...], attributes: dict[str, Any]) -> RankDistillError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error


class UnknownNameError(UsageError):
    """Unknown name in a registry; the message lists the valid names and the nearest one."""

    def __init__(self, kind: str, name: str, valid: Iterable[str]) -> None:
        valid = sorted(valid)
        folded = {v.casefold(): v for v in valid}
        near = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.5)
        hint = f"; did you mean {folded[near[0]]!r}?" if near else "."
        listed = f"Valid: {', '.join(valid)}"
        if len(valid) > MANY:
            similar = [folded[v] for v in difflib.get_close_matches(name.casefold(), folded, n=5, cutoff=0.3)]
            listed = f"{len(valid):,} are known" + (f", among them {', '.join(similar)}" if similar else "")
        super().__init__(f"unknown {kind} {name!r}{hint} {listed}")
