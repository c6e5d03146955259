"""What commands print: results on standard output, as a table or JSON, and everything else on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rankdistill.files.finite_json import json_text

if TYPE_CHECKING:  # rich is imported by what prints tables
    from rich.console import RenderableType
    from rich.table import Table


def say(message: str) -> None:
    """Print one line for people on standard error."""
    print(shown(message), file=sys.stderr, flush=True)


def say_wrote(path: str | Path, what: str = "") -> None:
    """Say where something was written."""
    say(f"wrote {path}" + (f" ({what})" if what else ""))


def print_json(value: Any) -> None:
    """Print JSON on standard output; infinite and undefined numbers are null, as JSON has neither."""
    print(json_text(value))


def print_rich(content: RenderableType) -> None:
    """Print a table on standard output."""
    from rich.console import Console

    Console(file=sys.stdout).print(content)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> Table:
    """Build a table; the first ``left`` columns are aligned left, the others, numbers, right."""
    from rich.table import Table
    from rich.text import Text

    built = Table()
    for i, heading in enumerate(headings):
        built.add_column(Text(heading), justify="left" if i < left else "right", overflow="fold")
    for row in rows:
        built.add_row(*(Text(shown(cell)) for cell in row))
    return built


def short_names(paths: Sequence[str]) -> list[str]:
    """Shorten paths to the least ends that differ: ``a/run.trec`` and ``b/run.trec``, or file names alone."""
    parts = [Path(path).parts for path in paths]
    length = next((n for n in range(1, max(map(len, parts))) if len({p[-n:] for p in parts}) == len(parts)), None)
    return [str(Path(*each[-length:])) for each in parts] if length else list(paths)


def shown(text: str) -> str:
    """Replace characters that a terminal would obey, not show, by �."""
    return "".join(c if c.isprintable() or c in "\n\t" else "�" for c in text)
