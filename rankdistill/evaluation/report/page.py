"""Write a leaderboard as one self-contained HTML page, to sort, compare and inspect queries without a network."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from rankdistill.data.collection import Collection
from rankdistill.evaluation.report.leaderboard import TOP, Leaderboard
from rankdistill.evaluation.report.page_values import DIGITS, number, rounded, systems, texts, three_digits
from rankdistill.evaluation.report.pair_page import pair_page_data
from rankdistill.evaluation.report.rank_intervals import pairwise_p_values, rank_intervals
from rankdistill.evaluation.report.render import cells, headings, legend, printable
from rankdistill.evaluation.significance import TESTS
from rankdistill.files.atomic import atomic_path


def as_html(board: Leaderboard, title: str = "Leaderboard", collection: Collection | None = None) -> str:
    """Write the leaderboard as a page: sortable table with significance against a baseline of the reader's choice,
    quality against cost, differences query by query, and the lists of a query side by side.

    collection: gives queries and documents their texts, of which the page keeps the first 300 characters. Strings reach
    the page as data alone. Without JavaScript the page still shows the table.
    """
    parts = files("rankdistill.evaluation.report") / "page_parts"
    script = (parts / "script.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    values = {
        "title": escape(printable(title)),
        "digest": digest,
        "style": (parts / "style.css").read_text(encoding="utf-8"),
        "table": _static_table(board),
        "legend": "\n".join(f"<p>{escape(line)}</p>" for line in legend(board)),
        "data": _as_script_data((page_data if board.answers is None else pair_page_data)(board, collection)),
        "script": script,
    }
    page = (parts / "page.html").read_text(encoding="utf-8")
    return re.sub(r"\{\{(\w+)\}\}", lambda place: values[place[1]], page)


def write_html(
    board: Leaderboard, path: str | Path, title: str = "Leaderboard", collection: Collection | None = None
) -> Path:
    """Write `as_html` to a file, or to ``index.html`` in a folder where the path has no suffix; return the file."""
    path = Path(path)
    file = path if path.suffix else path / "index.html"
    with atomic_path(file) as temporary:
        temporary.write_text(as_html(board, title, collection), encoding="utf-8")
    return file


def page_data(board: Leaderboard, collection: Collection | None = None) -> dict[str, Any]:
    """Collect the data of the page's script, as JSON can hold it.

    ``unit``, ``systems`` (their facts), ``measures``, ``queries`` (ids), ``values`` and ``shares`` (measure -> a list
    per system of a value per query; shares are the values that tests compare, given where they differ), ``p`` (measure
    -> systems x systems), ``ranks`` (measure -> [best, worst] per system), ``lists`` (per query its documents, and per
    system the indices of its best), ``baseline``, ``test``, ``top`` (the length of those lists).
    """
    names = [row["system"] for row in board.rows]
    queries = list(next(iter(board.results[names[0]].per_query.values())))
    values, shares, p_values, ranks = {}, {}, {}, {}
    for measure in board.measures:
        per_query = [board.results[name].per_query[measure] for name in names]
        compared = [board.results[name].shares[measure] for name in names]
        values[measure] = [rounded(list(system.values())) for system in per_query]
        if compared != per_query:
            shares[measure] = [rounded(list(system.values())) for system in compared]
        p = pairwise_p_values(compared, board.test)
        p_values[measure] = three_digits(p)
        ranks[measure] = rank_intervals([row[measure] for row in board.rows], p)
    return {
        "unit": "query",
        "measures": board.measures,
        "systems": systems(board),
        "queries": [printable(query) for query in queries],
        "values": values,
        "shares": shares,
        "p": p_values,
        "ranks": ranks,
        "lists": _lists(board, names, queries, collection),
        "queryTexts": texts(collection.queries, queries) if collection else None,
        "baseline": None if board.baseline is None else names.index(board.baseline),
        "test": TESTS[board.test].title,
        "top": TOP,
    }


def _lists(
    board: Leaderboard, names: Sequence[str], queries: Sequence[str], collection: Collection | None
) -> list[dict[str, Any]]:
    """List per query ``docs`` (ids), ``labels`` (None: unjudged), ``texts``, and ``tops`` (indices of docs)."""
    entries: list[dict[str, Any]] = [{"docs": {}, "labels": [], "tops": [[] for _ in names]} for _ in queries]
    place = {query: i for i, query in enumerate(queries)}
    for s, name in enumerate(names):
        for best in board.tops[name].queries():
            if best.query_id not in place:
                continue
            entry = entries[place[best.query_id]]
            for document, label in zip(best.doc_ids, best.columns["label"].tolist(), strict=True):
                if document not in entry["docs"]:
                    entry["docs"][document] = len(entry["docs"])
                    entry["labels"].append(number(label, DIGITS))
                entry["tops"][s].append(entry["docs"][document])
    for entry in entries:
        documents = list(entry["docs"])
        entry["docs"] = [printable(document) for document in documents]
        if collection is not None:
            entry["texts"] = texts(collection.documents, documents)
    return entries


def _as_script_data(data: dict[str, Any]) -> str:
    """Write JSON for a script element, which nothing in it can end, and in which nothing can open a comment."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e")


def _static_table(board: Leaderboard) -> str:
    """Write the table that the page shows without JavaScript."""
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings(board))
    body = "\n".join(f"<tr>{''.join(_cell(cell.text, cell.best) for cell in row)}</tr>" for row in cells(board))
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def _cell(text: str, best: bool) -> str:
    return f"<td><strong>{escape(text)}</strong></td>" if best else f"<td>{escape(text)}</td>"
