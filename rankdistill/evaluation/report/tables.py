"""Write a leaderboard as a file for papers and programs: Markdown, LaTeX, CSV or JSON, by the suffix of the name."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rankdistill.errors import UnknownNameError
from rankdistill.evaluation.report.leaderboard import Leaderboard
from rankdistill.evaluation.report.render import as_markdown, cells, headings, legend, printable
from rankdistill.files.atomic import atomic_path
from rankdistill.files.finite_json import json_text

FORMULA = re.compile(r"\s*[=+\-@|%\uff1d\uff0b\uff0d\uff20]|[\t\r\n]")
"""How cells begin that spreadsheets run, full-width signs included."""
LATEX = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"} | {
    c: f"\\{c}" for c in "&%$#_{}"
}
LATEX |= {
    "†": r"$^\dagger$",
    "‡": r"$^\ddagger$",
    "∞": r"$\infty$",
    "�": "?",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


def export(board: Leaderboard, path: str | Path) -> None:
    """Write the leaderboard in the format of the name's suffix, one of `FORMATS`; `UnknownNameError` for another."""
    path = Path(path)
    check_format(path)
    with atomic_path(path) as temporary:
        temporary.write_text(FORMATS[path.suffix](board), encoding="utf-8")


def check_format(path: str | Path) -> None:
    """Raise `UnknownNameError` for a file whose suffix names no format."""
    if Path(path).suffix not in FORMATS:
        raise UnknownNameError(f"format of {path}", Path(path).suffix, FORMATS)


def as_latex(board: Leaderboard) -> str:
    """Write a table of the package booktabs, best values bold, marks of significance raised, the legend below."""
    titles = headings(board)
    lines = [
        rf"\begin{{tabular}}{{l{'r' * (len(titles) - 1)}}}",
        r"\toprule",
        _latex_row(map(_latex, titles)),
        r"\midrule",
    ]
    for row in cells(board):
        lines.append(_latex_row(rf"\textbf{{{_latex(cell.text)}}}" if cell.best else _latex(cell.text) for cell in row))
    notes = [f"% {line}" for line in legend(board)]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}", *notes]) + "\n"


def as_csv(board: Leaderboard) -> str:
    """Write one line per system: its row, and each comparison's effect size, wins, ties and losses, unrounded.

    Text that a spreadsheet would run as a formula begins with an apostrophe, which spreadsheets take for "text".
    """
    rows = _rows(board)
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(map(_cell, names))
    writer.writerows([_cell(row.get(name, "")) for name in names] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    """Put an apostrophe before text that a spreadsheet would take for a formula; numbers stay as they are."""
    if not isinstance(value, str):
        return value
    return f"'{printable(value)}" if FORMULA.match(value) else printable(value)


def as_json(board: Leaderboard) -> str:
    """Write the rows of `as_csv` as a list of objects; infinite and undefined values are null."""
    return json_text(_rows(board)) + "\n"


def _rows(board: Leaderboard) -> list[dict[str, Any]]:
    return [{**row, **_comparisons(board, row["system"])} for row in board.rows]


def _comparisons(board: Leaderboard, system: str) -> dict[str, float | int]:
    columns: dict[str, float | int] = {}
    for measure, comparison in board.comparisons.get(system, {}).items():
        columns |= {f"d({measure})": comparison.effect_size, f"wins({measure})": comparison.wins}
        columns |= {f"ties({measure})": comparison.ties, f"losses({measure})": comparison.losses}
    return columns


def _latex_row(parts: Any) -> str:
    return " & ".join(parts) + r" \\"


def _latex(text: str) -> str:
    return "".join(LATEX.get(character, character) for character in text)


FORMATS: dict[str, Callable[[Leaderboard], str]] = {
    ".md": as_markdown,
    ".tex": as_latex,
    ".csv": as_csv,
    ".json": as_json,
}
