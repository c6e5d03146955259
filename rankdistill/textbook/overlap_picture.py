"""A picture of the vocabularies that corpora share: a square for each two of them, the darker the more."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from xml.sax.saxutils import escape

from rankdistill.files.atomic import atomic_path

_SIDE, _MARGIN, _LETTER = 72, 16, 8
_TITLE_LETTER = 7
"""Pixels of a letter of the title, on average, in a wide font."""
_LIGHT, _DARK = (247, 251, 255), (8, 48, 107)


def write_overlap(overlap: Mapping[str, Mapping[str, float]], vocabulary: int, path: str | Path) -> None:
    """Draw shares from 0 to 1, of each two corpora, as percentages, and write the picture as SVG."""
    names = list(overlap)
    left = _MARGIN + _LETTER * max(map(len, names))
    title = f"Shared words of the {vocabulary:,} most frequent, in percent"
    width = max(left + _SIDE * len(names), _MARGIN + _TITLE_LETTER * len(title)) + _MARGIN
    top = 2 * _MARGIN + 10
    squares = [
        _square(left + _SIDE * column, top + _SIDE * row, overlap[one][other])
        for row, one in enumerate(names)
        for column, other in enumerate(names)
    ]
    labels = [
        f'<text x="{left - 8}" y="{top + _SIDE * row + _SIDE / 2:g}" text-anchor="end">{escape(name)}</text>'
        for row, name in enumerate(names)
    ]
    bottom = top + _SIDE * len(names) + 12
    labels += [
        f'<text x="{left + _SIDE * (column + 0.5):g}" y="{bottom}" text-anchor="end" '
        f'transform="rotate(-45 {left + _SIDE * (column + 0.5):g} {bottom})">{escape(name)}</text>'
        for column, name in enumerate(names)
    ]
    height = bottom + left
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="sans-serif" font-size="13" dominant-baseline="middle">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{_MARGIN}" y="{_MARGIN}">{title}</text>',
        *squares,
        *labels,
        "</svg>",
    ]
    with atomic_path(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _square(x: int, y: int, share: float) -> str:
    color = ",".join(str(round(light + (dark - light) * share)) for light, dark in zip(_LIGHT, _DARK, strict=True))
    return (
        f'<rect x="{x}" y="{y}" width="{_SIDE}" height="{_SIDE}" fill="rgb({color})" stroke="white"/>'
        f'<text x="{x + _SIDE / 2:g}" y="{y + _SIDE / 2:g}" text-anchor="middle" '
        f'fill="{"white" if share > 0.5 else "black"}">{100 * share:.1f}</text>'
    )
