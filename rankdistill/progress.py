"""Report on long work, on standard error: one progress bar with the time left, and notes in one line each."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # rich is imported by what prints with it
    from rich.console import Console
    from rich.progress import Progress, TaskID
    from rich.text import Text

SECONDS_BEFORE_NOTICE = 1.5  # kernels that are already compiled load in less
SECONDS_BEFORE_BAR = 1.0
"""Work that ends sooner shows no bar, and does not wait until the library that draws it is loaded."""
CONTROL_CODES = dict.fromkeys((7, 8, 11, 12, 13))
"""What a terminal would obey instead of showing; rich leaves the same out."""
_bars: list[Bar] = []  # of the work that goes on, the outer first


def __getattr__(name: str) -> Any:
    if name == "console":
        return _console()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@cache
def _console() -> Console:
    """The console of standard error."""
    from rich.console import Console

    return Console(stderr=True, soft_wrap=True, quiet=not _reports())


def say(message: str | Text) -> None:
    """Print a note of long work, one line on standard error, above the progress bar where one is shown.

    message: plain text, in which brackets are no markup, or a `rich.text.Text` with styles of its own.
    """
    if isinstance(message, str) and (not _bars or _bars[0].drawn is None):
        if _reports():
            print(message.translate(CONTROL_CODES), file=sys.stderr, flush=True)
        return
    from rich.text import Text

    _console().print(Text(message) if isinstance(message, str) else message)


@cache
def say_once(message: str) -> None:
    """Print a note unless this process has printed the same one before."""
    say(message)


def _reports() -> bool:
    """Whether this process reports: of those that torchrun starts, the first alone does."""
    return os.environ.get("RANK", "0") == "0"


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

    It is drawn when the work has gone on for `SECONDS_BEFORE_BAR` and is not done. Bars nest: an inner one is drawn
    below the outer.
    """
    bar = Bar(description, total, unit)
    _bars.append(bar)
    try:
        yield bar.advance
    finally:
        if bar is _bars[0] and bar.drawn is not None:
            bar.drawn[0].stop()
        _bars.remove(bar)


class Bar:
    """One piece of work, and where its bar is drawn."""

    def __init__(self, description: str, total: int | None, unit: str) -> None:
        self.description, self.total, self.unit = description, total, unit
        self.done = 0
        self.begun = time.monotonic()
        self.drawn: tuple[Progress, TaskID] | None = None

    def advance(self, n: int) -> None:
        """Count ``n`` units more."""
        self.done += n
        if self.drawn is not None:
            progress_, task = self.drawn
            progress_.update(task, advance=n)
        elif self.done != self.total and time.monotonic() - self.begun >= SECONDS_BEFORE_BAR:
            for bar in _bars[: _bars.index(self) + 1]:
                bar.draw()

    def draw(self) -> None:
        """Draw the bar, unless it is drawn already, below those of the work that this is a part of."""
        if self.drawn is not None:
            return
        bars = _bars[0].drawn[0] if _bars[0].drawn is not None else _columns()
        task = bars.add_task(self.description, total=self.total, completed=self.done, unit=self.unit)
        bars.tasks[-1].start_time = bars.get_time() - (time.monotonic() - self.begun)
        self.drawn = bars, task
        if self is _bars[0]:
            bars.start()


def _columns() -> Progress:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=_console(),
    )
