"""Render a leaderboard for the terminal and as Markdown."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from rankdistill.evaluation.pair_significance import PAIR_TESTS
from rankdistill.evaluation.report.leaderboard import Leaderboard
from rankdistill.evaluation.report.numbers import number
from rankdistill.evaluation.significance import TESTS

MARKS = ((0.01, "‡"), (0.05, "†"))
TITLES_OF_TESTS = {
    **{name: each.title for name, each in TESTS.items()},
    **{name: each.title for name, each in PAIR_TESTS.items()},
}
TITLES = {"parameters": "parameters", "pairs_per_second": "pairs/s"}


@dataclass(frozen=True)
class Cell:
    """A cell of the table; its text is not escaped."""

    text: str
    best: bool = False


def headings(board: Leaderboard) -> list[str]:
    """List the titles of the columns: system, measures, and the costs that are known of at least one system."""
    return ["system", *board.measures, *(TITLES[name] for name in _costs(board))]


def cells(board: Leaderboard) -> Iterator[list[Cell]]:
    """Yield each row's cells under `headings`: the best value of each measure marked, significance as † or ‡."""
    best = {
        measure: max((row[measure] for row in board.rows if not math.isnan(row[measure])), default=None)
        for measure in board.measures
    }
    for row in board.rows:
        measured = [
            Cell(number(row[measure]) + mark(row.get(f"p({measure})")), row[measure] == best[measure])
            for measure in board.measures
        ]
        yield [Cell(printable(row["system"])), *measured, *(Cell(count(row[name])) for name in _costs(board))]


def legend(board: Leaderboard) -> list[str]:
    """Explain the table in lines below it: its marks, the test, the correction and the number of queries."""
    lines = [f"{board.queries} {board.unit}; the best value of each measure is bold."]
    if board.baseline is not None:
        lines.append(
            f"Different from {printable(board.baseline)}: † p < .05, ‡ p < .01 ({TITLES_OF_TESTS[board.test]}; Holm "
            f"correction for the number of systems, {len(board.comparisons)})."
        )
    return lines + [printable(note) for note in board.notes]


def as_table(board: Leaderboard) -> Table:
    """Draw the leaderboard for the terminal."""
    table = Table(caption="\n".join(legend(board)), caption_justify="left")
    for i, title in enumerate(headings(board)):
        table.add_column(Text(title), justify="right" if i else "left", overflow="fold")
    for row in cells(board):
        table.add_row(*(Text(cell.text, style="bold" if cell.best else "") for cell in row))
    return table


def as_markdown(board: Leaderboard) -> str:
    """Write the leaderboard as a Markdown table with its legend."""
    titles = headings(board)
    lines = [_line(map(_markdown, titles)), _line(["---"] + ["---:"] * (len(titles) - 1))]
    for row in cells(board):
        lines.append(_line(f"**{_markdown(cell.text)}**" if cell.best else _markdown(cell.text) for cell in row))
    return "\n".join([*lines, "", *(f"{_markdown(line)}  " for line in legend(board))]) + "\n"


def mark(p_value: float | None) -> str:
    """Mark a significant corrected p-value by ‡ or †, any other by nothing."""
    return next((sign for level, sign in MARKS if p_value is not None and p_value < level), "")


def count(value: Any) -> str:
    """Format a count in few digits: 5.5, 1,249, 22.7M; - for an unknown one."""
    if value is None:
        return "-"
    for unit, suffix in ((1e9, "G"), (1e6, "M")):
        if value >= unit:
            return f"{value / unit:,.1f}{suffix}"
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def printable(text: Any) -> str:
    """Replace by � the characters that would control a terminal or page instead of being shown."""
    return "".join(c if c.isprintable() else "�" for c in str(text))


def _costs(board: Leaderboard) -> list[str]:
    return [name for name in TITLES if any(row[name] is not None for row in board.rows)]


def _markdown(text: str) -> str:
    return re.sub(r"([\\`*\[\]|])", r"\\\1", html.escape(text, quote=False))


def _line(parts: Any) -> str:
    return f"| {' | '.join(parts)} |"
