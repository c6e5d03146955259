"""A leaderboard as one static HTML page, without script and without network."""

from __future__ import annotations

from html import escape
from pathlib import Path

from rankdistill.data.atomic import atomic_path
from rankdistill.evaluation.leaderboard import Leaderboard
from rankdistill.evaluation.render import cells, headings, legend, printable

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .3rem .8rem; text-align: right; border-bottom: 1px solid #8885; white-space: nowrap; }}
th:first-child, td:first-child {{ text-align: left; white-space: normal; overflow-wrap: anywhere; }}
p {{ margin: .3rem 0; }}
</style>
</head>
<body>
<h1>{title}</h1>
<div class="wide">
<table>
<thead><tr>{head}</tr></thead>
<tbody>
{body}
</tbody>
</table>
</div>
{legend}
</body>
</html>
"""


def as_html(board: Leaderboard, title: str = "Leaderboard") -> str:
    """Write the leaderboard as a self-contained page; every string is escaped."""
    return PAGE.format(
        title=escape(printable(title)),
        head="".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings(board)),
        body="\n".join(f"<tr>{''.join(_cell(cell.text, cell.best) for cell in row)}</tr>" for row in cells(board)),
        legend="\n".join(f"<p>{escape(line)}</p>" for line in legend(board)),
    )


def write_html(board: Leaderboard, path: str | Path, title: str = "Leaderboard") -> None:
    """Write `as_html` to a file."""
    with atomic_path(path) as temporary:
        temporary.write_text(as_html(board, title), encoding="utf-8")


def _cell(text: str, best: bool) -> str:
    return f"<td><strong>{escape(text)}</strong></td>" if best else f"<td>{escape(text)}</td>"
