"""Write learning curves as one self-contained HTML page of inline SVG, without a script and without a network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path

from rankdistill.evaluation.report.render import printable
from rankdistill.files.atomic import atomic_path

WIDTH, HEIGHT, LEFT, BOTTOM = 460, 240, 64, 28
STROKES = ("var(--a)", "var(--b)", "var(--good)", "var(--soft)")
DASHES = ("", "6 3", "2 3", "10 3 2 3")
"""Of the first, second ... curve of a chart, which is told apart without colours, too."""


@dataclass(frozen=True)
class Curve:
    """Values of one system in the course of its training."""

    title: str
    points: Sequence[tuple[float, float]]
    """(share of the training that is done, from 0 to 1; value)."""


def curves_html(tasks: Mapping[str, Mapping[str, Sequence[Curve]]], title: str) -> str:
    """Write a page of charts: task -> title of a chart -> its curves. A chart without a curve is left out."""
    parts = files("rankdistill.evaluation.report") / "page_parts"
    style = (parts / "style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    sections = "\n".join(_section(name, charts) for name, charts in tasks.items())
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'sha256-{digest}'">
<title>{escape(printable(title))}</title>
<style>{style}</style>
</head>
<body>
<h1>{escape(printable(title))}</h1>
<p>From the start of each training, on the left, to its end.</p>
{sections}
</body>
</html>
"""


def write_curves(tasks: Mapping[str, Mapping[str, Sequence[Curve]]], path: str | Path, title: str) -> Path:
    """Write `curves_html` to a file; return it."""
    with atomic_path(path) as temporary:
        temporary.write_text(curves_html(tasks, title), encoding="utf-8")
    return Path(path)


def _section(name: str, charts: Mapping[str, Sequence[Curve]]) -> str:
    drawn = "\n".join(_chart(title, curves) for title, curves in charts.items() if curves)
    return f"<h2>{escape(printable(name))}</h2>\n{drawn or '<p>Nothing was measured.</p>'}"


def _chart(title: str, curves: Sequence[Curve]) -> str:
    """One chart with its legend and, folded away, its numbers."""
    values = [value for curve in curves for _, value in curve.points]
    low, high = min(values), max(values)
    high = high if high > low else low + 1
    marks = "".join(
        f'<text x="{LEFT - 6}" y="{_y(value, low, high) + 4:.1f}" text-anchor="end" font-size="12" fill="currentColor">'
        f"{value:.3g}</text>"
        f'<line x1="{LEFT}" x2="{WIDTH}" y1="{_y(value, low, high):.1f}" y2="{_y(value, low, high):.1f}" '
        'stroke="var(--line)"/>'
        for value in (low, (low + high) / 2, high)
    )
    lines = "".join(_line(curve, place, low, high) for place, curve in enumerate(curves))
    legend = "".join(
        f'<text x="{LEFT}" y="{HEIGHT + 18 * place + 10}" font-size="13" fill="{_of(STROKES, place)}">'
        f"{'━━' if not _of(DASHES, place) else '╌╌'} {escape(printable(curve.title))}</text>"
        for place, curve in enumerate(curves)
    )
    label = escape(printable(title))
    tall = HEIGHT + 18 * len(curves) + 4
    return (
        f"<p>{label}</p>\n"
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {WIDTH + 8} {tall}" width="{WIDTH + 8}" height="{tall}">'
        f"{marks}{lines}{legend}</svg>\n<details><summary>numbers</summary>{_numbers(curves)}</details>"
    )


def _line(curve: Curve, place: int, low: float, high: float) -> str:
    points = " ".join(f"{_x(share):.1f},{_y(value, low, high):.1f}" for share, value in curve.points)
    drawing = f'stroke="{_of(STROKES, place)}" stroke-dasharray="{_of(DASHES, place)}" stroke-width="2" fill="none"'
    return f'<polyline points="{points}" {drawing}/>'


def _numbers(curves: Sequence[Curve]) -> str:
    rows = "".join(
        f"<tr><td>{escape(printable(curve.title))}</td><td>{share:.0%}</td><td>{value:.4f}</td></tr>"
        for curve in curves
        for share, value in curve.points
    )
    return f"<table><thead><tr><th>training</th><th>done</th><th>value</th></tr></thead><tbody>{rows}</tbody></table>"


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT)


def _y(value: float, low: float, high: float) -> float:
    return 8 + (high - value) / (high - low) * (HEIGHT - BOTTOM - 8)


def _of(each: Sequence[str], place: int) -> str:
    return each[place % len(each)]
