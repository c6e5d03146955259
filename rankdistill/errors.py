"""The errors a user can cause, each saying what was got, what was expected and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path

MANY = 60  # names, beyond which a message lists those alike only


class RankDistillError(Exception):
    """Base of every error raised on purpose; the command line prints it without a traceback and exits with 1."""


class UsageError(RankDistillError, ValueError):
    """An argument that cannot be meant; the command line exits with 2."""


class FileFormatError(RankDistillError):
    """A line of a file that does not have the expected form."""

    def __init__(self, path: str | Path, line: int, got: str, expected: str) -> None:
        self.path, self.line, self.got, self.expected = str(path), line, got, expected
        shown = got if len(got) <= 120 else got[:117] + "..."
        super().__init__(f"{path}:{line}: got {shown!r}, expected {expected}")


class DataError(RankDistillError):
    """Inputs that contradict each other: an id without a text, a duplicate document, a teacher lacking a score."""


class MissingExtraError(RankDistillError):
    """An optional dependency that is not installed."""

    def __init__(self, purpose: str, extra: str) -> None:
        super().__init__(f"{purpose} needs an optional dependency: pip install 'rankdistill[{extra}]'")


class UnknownNameError(UsageError):
    """A name that is in no registry; the message lists the valid ones and the nearest."""

    def __init__(self, kind: str, name: str, valid: Iterable[str]) -> None:
        valid = sorted(valid)
        folded = {v.casefold(): v for v in valid}
        near = difflib.get_close_matches(name.casefold(), folded, n=1, cutoff=0.5)
        hint = f"; did you mean {folded[near[0]]!r}?" if near else "."
        told = f"Valid: {', '.join(valid)}"
        if len(valid) > MANY:
            like = [folded[v] for v in difflib.get_close_matches(name.casefold(), folded, n=5, cutoff=0.3)]
            told = f"{len(valid):,} are known" + (f", among them {', '.join(like)}" if like else "")
        super().__init__(f"unknown {kind} {name!r}{hint} {told}")
