"""One progress bar for everything long, on standard error, with time elapsed and time left."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

console = Console(stderr=True, soft_wrap=True, quiet=os.environ.get("RANK", "0") != "0")  # of torchrun
PATIENCE = 1.5  # seconds; kernels that are found on disk are loaded in less
_state: dict[str, Progress | None] = {"active": None}


@contextmanager
def first_use(what: str) -> Iterator[None]:
    """Say, should the block take long, that it compiles what a later process finds on disk."""
    told = threading.Timer(
        PATIENCE, console.print, [f"compiling {what}: once, then kept on disk"], {"highlight": False}
    )
    told.daemon = True
    told.start()
    try:
        yield
    finally:
        told.cancel()


@contextmanager
def progress(description: str, total: int | None, unit: str = "pairs") -> Iterator[Callable[[int], None]]:
    """Show a bar for ``total`` units of work; the yielded function advances it by a number of units.

    Bars nest: an inner one is drawn below the outer.
    """
    outer = _state["active"]
    bars = outer or Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
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
