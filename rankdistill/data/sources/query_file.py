"""Queries of one file, whatever tool wrote it: ids and texts, TREC topics, or a text a line."""

from __future__ import annotations

import html
import re
from pathlib import Path

import numpy as np

from rankdistill.data.candidates import as_ids
from rankdistill.data.sources.layout import JSONL, PARQUET, TSV
from rankdistill.data.sources.lines import IdsAndTexts, read_jsonl, read_tsv
from rankdistill.data.sources.rows import QUERY_NAMES, line_of_row, text_lines
from rankdistill.data.sources.tables import read_texts
from rankdistill.data.texts import Texts, repeated_id
from rankdistill.errors import DataError, FileFormatError, UsageError
from rankdistill.files.reading import read_bytes
from rankdistill.progress import say

FORMS = (
    ".jsonl or .parquet with an id and a text (or query, question), .tsv of an id, a tab and a text, TREC topics "
    "(<top>, <num>, <title>), or a text file of a query a line; plain or .gz"
)
TOPIC = re.compile(r"<top>(.*?)</top>|<topic\b([^>]*)>(.*?)</topic>", re.S | re.I)
NUMBER = re.compile(r"<num>\s*(?:number\s*:)?\s*([^\s<]+)", re.I)
ATTRIBUTE = re.compile(r"""\b(?:number|id|num)\s*=\s*["']([^"']+)["']""", re.I)
TITLE = re.compile(r"<(title|query)>\s*(?:topic\s*:)?(.*?)(?=<|\Z)", re.S | re.I)


def read_queries(path: str | Path) -> Texts:
    """Read the queries of a file; its form is `FORMS`, told by its name and, of topics, by its content.

    Of a query a line the ids are the lines' numbers, and a note says so. Raises `FileFormatError` or `DataError` with
    file and line for a malformed line, a duplicate id and an empty text, `UsageError` where there is no such file.
    """
    path = Path(path)
    if not path.is_file():
        raise UsageError(f"there is no file of queries {path}: expected {FORMS}")
    ids, texts = _read(path)
    if not len(ids):
        raise DataError(f"{path} has no queries: expected at least one")
    if found := repeated_id(ids):
        first, other = (_place(path, row) for row in found)
        raise DataError(f"{first}: duplicate id {ids[found[0]].as_py()!r}, which {other} has already")
    empty = np.flatnonzero([not text.strip() for text in texts.to_pylist()])
    if len(empty):
        raise DataError(f"{_place(path, int(empty[0]))}: query {ids[int(empty[0])].as_py()!r} has an empty text")
    return Texts.from_pairs(ids, texts)


def _read(path: Path) -> IdsAndTexts:
    name = path.name.lower()
    if name.endswith(JSONL):
        return read_jsonl(path, QUERY_NAMES)
    if name.endswith(PARQUET):
        return read_texts(path, QUERY_NAMES)
    text = read_bytes(path)
    if re.match(rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?<top", text, re.S | re.I):
        return _topics(path, text)
    if name.endswith(TSV) or b"\t" in text:
        return read_tsv(path, QUERY_NAMES)
    lines = list(text_lines(path, text))
    say(f"{path}: no line has a tab: each is a query, under the number of its line")
    return as_ids([str(number) for number, _ in lines]), as_ids([line.strip() for _, line in lines])


def _topics(path: Path, data: bytes) -> IdsAndTexts:
    """Read ``<num>`` and ``<title>`` of TREC's topics, or number and query of its XML ones."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = data.decode("latin-1")  # as TREC's own files of the nineties are
    ids, texts = [], []
    for topic in TOPIC.finditer(text):
        inside = topic[1] if topic[1] is not None else topic[3]
        number = NUMBER.search(inside) or ATTRIBUTE.search(topic[2] or "")
        title = TITLE.search(inside)
        if number is None or title is None:
            line = text.count("\n", 0, topic.start()) + 1
            raise FileFormatError(path, line, topic[0].strip()[:80], "a topic with <num> and <title>, or <query>")
        ids.append(number[1])
        texts.append(html.unescape(" ".join(title[2].split())))
    return as_ids(ids), as_ids(texts)


def _place(path: Path, row: int) -> str:
    """Say where a query is: by its line, where a row is one."""
    if not path.name.lower().endswith((*JSONL, *TSV)):
        return f"{path}, query {row + 1:,}"
    return f"{path}:{line_of_row(path, row, QUERY_NAMES)}"
