"""Read small TREC files in plain Python, in less time than Arrow and Numba take to load.

`read_plain` reads what is ordinary and leaves everything else to `rankdistill.data.trec.read`, whose errors and
warnings are the only ones: what it returns is what that module returns, which tests hold it to.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rankdistill.arrays import F32, I64
from rankdistill.data.offsets import offsets_of
from rankdistill.data.trec.forms import BEIR_QRELS, OVERFLOW, TREC_QRELS, TREC_RUN, WIDEST, LineForm, recognise
from rankdistill.errors import RankDistillError, UnknownNameError
from rankdistill.files.reading import map_bytes

if TYPE_CHECKING:  # Arrow is imported where these lists are not enough
    from rankdistill.data.candidates import Candidates

SMALL = 1 << 22
"""Bytes that are read here; Numba pays for itself from about ten times as many on."""
SMALL_GZIPPED = SMALL // 4
FEW_RISES = 2
"""Rises of scores down a run up to which nobody takes them for distances, of which the other reader warns."""
TAKEN = (TREC_RUN, TREC_QRELS, BEIR_QRELS)
"""Forms whose lines are read here."""


class PlainIds(list[str]):
    """Ids with what is used of an Arrow array."""

    def to_pylist(self) -> list[str]:
        return list(self)


@dataclass(frozen=True, eq=False)
class PlainLists:
    """Candidate lists in plain Python: what measures read of `rankdistill.data.candidates.Candidates`."""

    query_ids: PlainIds
    offsets: I64
    doc_ids: list[bytes]
    """UTF-8."""
    columns: Mapping[str, F32]

    def __len__(self) -> int:
        return len(self.doc_ids)

    def __getitem__(self, column: str) -> F32:
        if column not in self.columns:
            raise UnknownNameError("column", column, self.columns)
        return self.columns[column]

    @property
    def n_queries(self) -> int:
        return len(self.query_ids)

    @cached_property
    def query_of_row(self) -> I64:
        """Index of each row's query, int64 (N,)."""
        return np.repeat(np.arange(self.n_queries), np.diff(self.offsets))

    def with_columns(self, columns: Mapping[str, Any] | None = None, **named: Any) -> PlainLists:
        """Add or replace columns, float (N,)."""
        given = {**(columns or {}), **named}
        values = {name: np.asarray(each, np.float32) for name, each in given.items()}
        return PlainLists(self.query_ids, self.offsets, self.doc_ids, {**self.columns, **values})

    def to_candidates(self) -> Candidates:
        """The same lists in Arrow arrays."""
        from rankdistill.data.candidates import Candidates

        return Candidates(self.query_ids, self.offsets, [name.decode() for name in self.doc_ids], self.columns)

    def distinct_documents(self) -> tuple[list[str], I64]:
        """The document ids (D,), each once, in order of first appearance; and the place of each row's: int64 (N,)."""
        places = {name: place for place, name in enumerate(dict.fromkeys(self.doc_ids))}
        return [name.decode() for name in places], np.array([places[name] for name in self.doc_ids], np.int64)

    def join(self, other: PlainLists, name: str) -> PlainLists:
        """Add a column of ``other`` by query and document; NaN where ``other`` lacks the pair."""
        bounds = pairwise(other.offsets.tolist())
        values, ids = other[name].tolist(), other.doc_ids
        known = {
            query: dict(zip(ids[start:end], values[start:end], strict=True))
            for query, (start, end) in zip(other.query_ids, bounds, strict=True)
        }
        found: list[float] = []
        for query, (start, end) in zip(self.query_ids, pairwise(self.offsets.tolist()), strict=True):
            of_query = known.get(query, {})
            found += [of_query.get(doc, math.nan) for doc in self.doc_ids[start:end]]
        return self.with_columns({name: np.array(found, np.float32)})

    def may_be_distances(self, column: str) -> bool:
        """Tell whether values never fall in the order of the rows of a list, and rise more than `FEW_RISES` times."""
        steps = np.diff(self[column])
        steps[self.offsets[1:-1] - 1] = 0
        return not (steps < 0).any() and int((steps > 0).sum()) > FEW_RISES

    def top_k(self, k: int, by: str) -> PlainLists:
        """Keep each query's k best rows by ``by``, best first (see `ranked`)."""
        ranked = self.ranked(by)
        rows = np.flatnonzero(np.arange(len(self)) - self.offsets[:-1][self.query_of_row] < k)
        columns = {name: each[rows] for name, each in ranked.columns.items()}
        sizes = np.minimum(np.diff(self.offsets), k)
        return PlainLists(self.query_ids, offsets_of(sizes), [ranked.doc_ids[row] for row in rows], columns)

    def ranked(self, by: str) -> PlainLists:
        """Sort each query's rows by falling ``by``, of equal values the larger document id first, as trec_eval does."""
        values, ids, bounds = self[by].tolist(), self.doc_ids, self.offsets.tolist()
        order: list[int] = []
        for start, end in pairwise(bounds):
            order += sorted(range(start, end), key=lambda row: (values[row], ids[row]), reverse=True)
        rows = np.array(order, np.int64)
        columns = {name: each[rows] for name, each in self.columns.items()}
        return PlainLists(self.query_ids, self.offsets, [ids[row] for row in order], columns)

    def pair_at(self, row: int) -> str:
        """Name the query and document of a row, for messages: ``query 'q1', document 'd7'``."""
        query = int(np.searchsorted(self.offsets, row, side="right")) - 1
        return f"query {self.query_ids[query]!r}, document {self.doc_ids[int(row)].decode()!r}"


def read_plain(path: Path, forms: tuple[LineForm, ...], column: str) -> PlainLists | None:
    """Read a small file whose every line is of one of these forms, by white space, into a column; None for another.

    Queries stand in the order of their first appearance, rows of a query in that of the file. None is returned where
    the file is large or no plain file, where a line is malformed or a document is twice in a list, where the first line
    fits no form of ``forms`` or another than `TAKEN`, and where something is written that only the other reader knows.
    """
    limit = SMALL_GZIPPED if path.suffix == ".gz" else SMALL
    try:
        if not path.is_file() or path.stat().st_size > limit:
            return None
        data = bytes(map_bytes(path))
        layout = recognise(path, data, forms)
        text = data[layout.start :].decode()
    except (RankDistillError, UnicodeDecodeError, OSError):
        return None
    first = text.lstrip().partition("\n")[0].lower()
    told = first.startswith("#") or ("pos" in first and "neg" in first)  # may name columns, also of other tools' files
    if told or layout.form not in TAKEN or layout.separators[0] or len(data) > SMALL or "\0" in text or '"' in text:
        return None
    return _parsed(data[layout.start :], layout.form, column)


def _parsed(data: bytes, form: LineForm, column: str) -> PlainLists | None:
    lists: dict[bytes, dict[bytes, float]] = {}
    n_fields, document, value = len(form.fields), form.document, form.value
    for line in data.split(b"\n"):
        fields = line.split()
        if not fields or fields[0].startswith(b"#"):
            continue
        if len(fields) != n_fields or len(line) >= WIDEST or b"_" in fields[value]:
            return None
        try:
            number = float(fields[value])
        except ValueError:
            return None
        list_ = lists.setdefault(fields[0], {})
        if fields[document] in list_ or not _fits(number, form):
            return None
        list_[fields[document]] = number
    if not lists:
        return None
    sizes = offsets_of([len(list_) for list_ in lists.values()])
    values = np.array([number for list_ in lists.values() for number in list_.values()], np.float32)
    names = PlainIds(query.decode() for query in lists)
    return PlainLists(names, sizes, [doc for list_ in lists.values() for doc in list_], {column: values})


def _fits(number: float, form: LineForm) -> bool:
    if form.whole:
        return math.isfinite(number) and number.is_integer() and abs(number) <= form.largest
    return abs(number) < OVERFLOW
