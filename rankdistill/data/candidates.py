"""Candidates: the one data model, query-grouped candidate lists held in columns and never changed in place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from rankdistill.data.kernels.ids import id_bytes, match_rows, repeated_rows, take_ids
from rankdistill.data.kernels.ranks import TIES, in_order, ranked_rows
from rankdistill.errors import DataError, UnknownNameError, UsageError

Ties = Literal["trec", "docid-asc", "rank"]
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class QueryCandidates:
    """One query's candidates, for people; kernels take the arrays of `Candidates`."""

    query_id: str
    doc_ids: list[str]
    columns: dict[str, Floats]

    def __len__(self) -> int:
        return len(self.doc_ids)


@dataclass(frozen=True, eq=False)
class Candidates:
    """Candidate lists of many queries: row ``n`` is a (query, document) pair, rows of a query stand together.

    query_ids: string (Q,), unique. offsets: int64 (Q+1,); rows ``offsets[i]:offsets[i+1]`` are query i's candidates.
    doc_ids: string (N,), unique within a query. columns: name -> float32 (N,), NaN = missing.
    Ids are Arrow arrays (`pyarrow.LargeStringArray`), so that 90 million rows are no 90 million Python objects.
    """

    query_ids: pa.Array
    offsets: Ints
    doc_ids: pa.Array
    columns: Mapping[str, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "query_ids", as_ids(self.query_ids))
        object.__setattr__(self, "doc_ids", as_ids(self.doc_ids))
        object.__setattr__(self, "offsets", np.ascontiguousarray(self.offsets, dtype=np.int64))
        object.__setattr__(
            self, "columns", {name: np.ascontiguousarray(v, dtype=np.float32) for name, v in self.columns.items()}
        )
        n, offsets = len(self.doc_ids), self.offsets
        steps = np.diff(offsets, prepend=0, append=n)
        if offsets.shape != (len(self.query_ids) + 1,) or offsets[0] != 0 or (steps < 0).any() or offsets[-1] != n:
            raise UsageError(
                f"offsets must rise from 0 to {n} in {len(self.query_ids) + 1} steps (queries + 1), "
                f"got shape {offsets.shape}"
            )
        for name, values in self.columns.items():
            if values.shape != (n,):
                raise UsageError(f"column {name!r} has shape {values.shape}, expected ({n},): one value a candidate")

    @classmethod
    def from_rows(cls, query_ids: Any, doc_ids: Any, columns: Mapping[str, Any] | None = None) -> Candidates:
        """Group rows by query, queries in order of first appearance, rows of a query in the order given.

        Raises `DataError` where a document stands twice in a query's list.
        """
        codes = pc.dictionary_encode(as_ids(query_ids))
        query_of_row = codes.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        doc_ids = as_ids(doc_ids)
        values = {name: np.asarray(v) for name, v in (columns or {}).items()}
        if query_of_row.size and (np.diff(query_of_row) < 0).any():
            order = np.argsort(query_of_row, kind="stable")
            query_of_row, doc_ids = query_of_row[order], doc_ids.take(pa.array(order))
            values = {name: v[order] for name, v in values.items()}
        offsets = np.searchsorted(query_of_row, np.arange(len(codes.dictionary) + 1))
        made = cls(codes.dictionary, offsets, doc_ids, values)
        made.check_unique()
        return made

    @classmethod
    def from_dict(cls, lists: Mapping[str, Mapping[str, float]], column: str) -> Candidates:
        """Build from ``{query_id: {doc_id: value}}`` with the values under ``column``."""
        queries = [q for q, documents in lists.items() for _ in documents]
        documents = [d for documents in lists.values() for d in documents]
        return cls.from_rows(queries, documents, {column: [v for docs in lists.values() for v in docs.values()]})

    # -- shape ---------------------------------------------------------------------------------------------------------

    @property
    def n_queries(self) -> int:
        return len(self.query_ids)

    def __len__(self) -> int:
        """Number of rows, that is of (query, document) pairs."""
        return len(self.doc_ids)

    @cached_property
    def query_of_row(self) -> Ints:
        """int64 (N,): for each row the index of its query."""
        return np.repeat(np.arange(self.n_queries), np.diff(self.offsets))

    @property
    def row_query_ids(self) -> pa.Array:
        """string (N,): for each row the id of its query."""
        return self.query_ids.take(pa.array(self.query_of_row))

    def __repr__(self) -> str:
        names = ", ".join(self.columns) or "none"
        return f"Candidates({self.n_queries} queries, {len(self)} candidates, columns: {names})"

    # -- access --------------------------------------------------------------------------------------------------------

    def __getitem__(self, column: str) -> Floats:
        if column not in self.columns:
            raise UnknownNameError("column", column, self.columns)
        return self.columns[column]

    def __iter__(self) -> Iterator[QueryCandidates]:
        for i in range(self.n_queries):
            yield self.query(i)

    def query(self, i: int) -> QueryCandidates:
        """View of the i-th query's candidates."""
        rows = slice(int(self.offsets[i]), int(self.offsets[i + 1]))
        ids = self.doc_ids[rows].to_pylist()
        return QueryCandidates(self.query_ids[i].as_py(), ids, {name: v[rows] for name, v in self.columns.items()})

    # -- new candidates from these -------------------------------------------------------------------------------------

    def with_columns(self, columns: Mapping[str, Any] | None = None, **named: Any) -> Candidates:
        """Add or replace columns (float (N,)); arrays are shared, not copied."""
        return Candidates(self.query_ids, self.offsets, self.doc_ids, {**self.columns, **(columns or {}), **named})

    def only_columns(self, *names: str) -> Candidates:
        """Keep these columns."""
        return Candidates(self.query_ids, self.offsets, self.doc_ids, {name: self[name] for name in names})

    def take_rows(self, rows: Any) -> Candidates:
        """Keep these rows (a mask, or indices whose order inside a query is kept); queries left empty are dropped."""
        rows = np.asarray(rows) if len(rows) else np.zeros(0, np.int64)
        if rows.dtype == bool:
            rows = np.flatnonzero(rows)
        query_of_row = self.query_of_row[rows]
        if query_of_row.size and (np.diff(query_of_row) < 0).any():
            order = np.argsort(query_of_row, kind="stable")
            rows, query_of_row = rows[order], query_of_row[order]
        kept, sizes = np.unique(query_of_row, return_counts=True)
        return Candidates(
            self.query_ids.take(pa.array(kept)),
            np.concatenate([[0], np.cumsum(sizes)]),
            take_ids(self.doc_ids, rows),
            {name: v[rows] for name, v in self.columns.items()},
        )

    def take_queries(self, queries: Any) -> Candidates:
        """Keep these queries, in this order: a mask (Q,), indices, a slice, or ids; unknown ids raise `DataError`."""
        if isinstance(queries, slice):
            queries = np.arange(self.n_queries)[queries]
        if not isinstance(queries, np.ndarray):
            queries = np.asarray(queries) if len(queries) else np.zeros(0, np.int64)
        if queries.dtype.kind in "UOT":
            found = pc.index_in(as_ids(queries.tolist()), value_set=self.query_ids)
            if found.null_count:
                missing = queries[found.is_null().to_numpy(zero_copy_only=False)]
                raise DataError(f"{found.null_count} queries are not among the candidates, the first is {missing[0]!r}")
            queries = found.to_numpy(zero_copy_only=False).astype(np.int64)
        if queries.dtype == bool:
            queries = np.flatnonzero(queries)
        if np.array_equal(queries, np.arange(self.n_queries)):
            return self
        sizes = np.diff(self.offsets)[queries]
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        rows = np.arange(offsets[-1]) + np.repeat(self.offsets[:-1][queries] - offsets[:-1], sizes)
        return Candidates(
            self.query_ids.take(pa.array(queries)),
            offsets,
            take_ids(self.doc_ids, rows),
            {name: v[rows] for name, v in self.columns.items()},
        )

    def only_queries(self, ids: Any) -> Candidates:
        """Keep the queries that are among these ids (sequence of str or Arrow array), in the order they have here."""
        return self.take_queries(pc.is_in(self.query_ids, value_set=as_ids(ids)).to_numpy(zero_copy_only=False))

    def ranking(self, by: str, ties: Ties = "trec") -> Ints:
        """int64 (N,): row indices, each query's rows by falling ``by``; missing values (NaN) come last.

        ties: "trec", the larger document id first, as trec_eval; "docid-asc", the smaller; "rank", as the rows stand.
        Document ids compare as UTF-8 bytes.
        """
        check_ties(ties)
        return ranked_rows(self[by], self.offsets, *id_bytes(self.doc_ids), TIES[ties])

    def ranked(self, by: str, ties: Ties = "trec") -> Candidates:
        """Sort each query's rows by falling ``by`` (see `ranking`)."""
        check_ties(ties)
        if in_order(self[by], self.offsets, *id_bytes(self.doc_ids), TIES[ties]):
            return self
        return self.take_rows(self.ranking(by, ties))

    def top_k(self, k: int, by: str, ties: Ties = "trec") -> Candidates:
        """Keep each query's k best rows by ``by``, best first (see `ranking`)."""
        if k < 1:
            raise UsageError(f"k must be at least 1, got {k}")
        order = self.ranking(by, ties)
        position = np.arange(len(self)) - self.offsets[:-1][self.query_of_row]
        return self.take_rows(order[position < k])

    def join(self, other: Candidates, *names: str) -> Candidates:
        """Add ``other``'s columns (all, or these) by query and document; NaN where ``other`` lacks the pair."""
        names = names or tuple(other.columns)
        rows = other.find(self)
        found = rows >= 0
        added = {}
        for name in names:
            values = np.full(len(self), np.nan, np.float32)
            values[found] = other[name][rows[found]]
            added[name] = values
        return self.with_columns(added)

    def find(self, other: Candidates) -> Ints:
        """int64 (len(other),): for each row of ``other`` the row here of the same query and document, -1 where none."""
        lists = _positions(other.query_ids, self.query_ids)
        return match_rows(lists, self.offsets, *id_bytes(self.doc_ids), other.offsets, *id_bytes(other.doc_ids))

    # -- checks --------------------------------------------------------------------------------------------------------

    def check_unique(self) -> None:
        """Raise `DataError` naming the first document that stands twice in a query's list."""
        first = repeated_rows(self.offsets, *id_bytes(self.doc_ids))
        repeated = np.flatnonzero(first >= 0)
        if repeated.size:
            row = int(repeated[0])
            query_id = self.query_ids[int(self.query_of_row[row])].as_py()
            raise DataError(
                f"document {self.doc_ids[row].as_py()!r} stands twice in the list of query {query_id!r} "
                f"({repeated.size} repeated in all): keep one of each"
            )


def check_ties(ties: str) -> None:
    """Raise `UnknownNameError` for anything but the rules for ties that there are."""
    if ties not in TIES:
        raise UnknownNameError("rule for ties", ties, TIES)


def as_ids(ids: Any) -> pa.Array:
    """Ids as one Arrow large_string array, from an Arrow array, a NumPy array or a sequence of str."""
    if isinstance(ids, pa.ChunkedArray):
        ids = ids.chunk(0) if ids.num_chunks == 1 else ids.combine_chunks()  # the latter copies even one chunk
    if isinstance(ids, pa.Array):
        return ids if ids.type == pa.large_string() else ids.cast(pa.large_string())
    if isinstance(ids, np.ndarray):
        ids = ids.tolist()
    return pa.array(ids, type=pa.large_string())


def _positions(wanted: pa.Array, among: pa.Array) -> Ints:
    """int64: for each wanted id its position among the others, -1 where absent."""
    found = pc.index_in(wanted, value_set=among)
    return pc.fill_null(found, -1).to_numpy(zero_copy_only=False).astype(np.int64)


def concatenate(parts: Sequence[Candidates]) -> Candidates:
    """Join candidates of disjoint queries into one; all must have the same columns."""
    if not parts:
        raise UsageError("nothing to concatenate: give at least one part")
    names = list(parts[0].columns)
    sizes = np.concatenate([np.diff(p.offsets) for p in parts])
    joined = Candidates(
        pa.concat_arrays([p.query_ids for p in parts]),
        np.concatenate([[0], np.cumsum(sizes)]),
        pa.concat_arrays([p.doc_ids for p in parts]),
        {name: np.concatenate([p[name] for p in parts]) for name in names},
    )
    if len(pc.unique(joined.query_ids)) != joined.n_queries:
        raise DataError("a query stands in more than one of the parts; join columns of the same queries with `join`")
    return joined
