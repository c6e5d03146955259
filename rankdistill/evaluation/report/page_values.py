"""Values as the page's script takes them: rounded, printable, JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from rankdistill.arrays import F64
from rankdistill.data.texts import Texts
from rankdistill.evaluation.report.leaderboard import Leaderboard
from rankdistill.evaluation.report.render import printable

TEXT_LENGTH = 300
DIGITS = 4


def systems(board: Leaderboard) -> list[dict[str, Any]]:
    """Describe the systems, best first: ``name``, ``missing`` queries, ``values`` by measure, and other ``facts``."""
    shown = {"system", *board.measures, "queries", *(f"p({measure})" for measure in board.measures)}
    return [
        {"name": printable(row["system"]), "missing": row["missing_queries"]}
        | {"values": {measure: number(row[measure], 6) for measure in board.measures}}
        | {"facts": {key: number(value, 6) for key, value in row.items() if key not in shown}}
        for row in board.rows
    ]


def three_digits(p_values: F64) -> list[list[float | None]]:
    """Write p-values (S, S) with three digits; None where there is no test."""
    return [[None if math.isnan(p) else float(f"{p:.3g}") for p in line] for line in p_values.tolist()]


def texts(of: Texts, ids: Sequence[str]) -> list[str]:
    """Get the beginnings of the texts; empty where an id has none."""
    known = [id_ for id_, row in zip(ids, of.positions(ids), strict=True) if row >= 0]
    beginnings = (" ".join(text[: 2 * TEXT_LENGTH].split())[:TEXT_LENGTH] for text in of.take(known))
    shown = dict(zip(known, map(printable, beginnings), strict=True))
    return [shown.get(id_, "") for id_ in ids]


def rounded(values: Iterable[float]) -> list[float | None]:
    """Round values to `DIGITS`."""
    return [number(value, DIGITS) for value in values]


def number(value: Any, digits: int) -> Any:
    """Round a number; None for a missing or infinite one; text becomes printable."""
    if isinstance(value, str):
        return printable(value)
    if value is None or not math.isfinite(value):
        return None
    return round(float(value), digits) if value != int(value) else int(value)
