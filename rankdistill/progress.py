"""Report on long work, on standard error: one progress bar with the time left, and notes in one line each."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # rich is imported by what prints with it
    from rich.console import Console
    from rich.progress import Progress
    from rich.text import Text

SECONDS_BEFORE_NOTICE = 1.5  # kernels that are already compiled load in less
_state: dict[str, Progress | None] = {"active": None}


def __getattr__(name: str) -> Any:
    if name == "console":
        return _console()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@cache
def _console() -> Console:
    """The console of standard error; of the processes that torchrun starts, the first alone reports."""
    from rich.console import Console

    return Console(stderr=True, soft_wrap=True, quiet=os.environ.get("RANK", "0") != "0")


def say(message: str | Text) -> None:
    """Print a note of long work, one line on standard error, above the progress bar where one is shown.

    message: plain text, in which brackets are no markup, or a `rich.text.Text` with styles of its own.
    """
    from rich.text import Text

    _console().print(Text(message) if isinstance(message, str) else message)


@contextmanager
def first_use(what: str) -> Iterator[None]:
    """Say, where the block takes long, that it compiles kernels that later processes load from disk."""
    notice = threading.Timer(SECONDS_BEFORE_NOTICE, say, [f"compiling {what}: once, then kept on disk"])
    notice.daemon = True
    notice.start()
    try:
        yield
    finally:
        notice.cancel()


@contextmanager
def progress(description: str, total: int | None, unit: str = "pairs") -> Iterator[Callable[[int], None]]:
    """Show a bar for ``total`` units of work; the yielded function advances it by a number of units.

    Bars nest: an inner one is drawn below the outer.
    """
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    outer = _state["active"]
    bars = outer or Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=_console(),
    )
    if outer is None:
        _state["active"] = bars
        bars.start()
    task = bars.add_task(description, total=total, unit=unit)
    try:
        yield lambda n: bars.update(task, advance=n)
    finally:
        if outer is None:
            bars.stop()
            _state["active"] = None
