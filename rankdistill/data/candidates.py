"""Candidates: the one data model, candidate lists grouped by query, in columns that are never changed in place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from rankdistill.arrays import F32, I64, Bools
from rankdistill.data.kernels.ids import id_bytes, match_rows, repeated_rows, take_ids
from rankdistill.data.kernels.ranks import TIES, in_order, ranked_rows
from rankdistill.data.offsets import checked_offsets, offsets_of
from rankdistill.errors import DataError, UnknownNameError, UsageError

Ties = Literal["trec", "docid-asc", "rank"]


@dataclass(frozen=True)
class QueryCandidates:
    """One query's candidates, for people; kernels take the arrays of `Candidates`."""

    query_id: str
    doc_ids: list[str]
    columns: dict[str, F32]

    def __len__(self) -> int:
        return len(self.doc_ids)


@dataclass(frozen=True, eq=False)
class Candidates:
    """Hold the candidate lists of many queries: row n is a (query, document) pair, the rows of a query are contiguous.

    query_ids: string (Q,), unique. offsets: int64 (Q+1,); rows ``offsets[i]:offsets[i+1]`` are query i's candidates.
    doc_ids: string (N,), unique within a query. columns: name -> float32 (N,), NaN = missing.
    Ids are Arrow arrays (`pyarrow.LargeStringArray`), as Python objects would take too much memory for 90 million rows.
    ``len`` counts the rows; `queries` iterates over the queries. Raises `UsageError` for shapes that do not fit.
    """

    query_ids: pa.Array
    offsets: I64
    doc_ids: pa.Array
    columns: Mapping[str, F32] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "query_ids", as_ids(self.query_ids))
        object.__setattr__(self, "doc_ids", as_ids(self.doc_ids))
        object.__setattr__(self, "offsets", np.ascontiguousarray(self.offsets, dtype=np.int64))
        object.__setattr__(
            self, "columns", {name: np.ascontiguousarray(v, dtype=np.float32) for name, v in self.columns.items()}
        )
        n = len(self.doc_ids)
        checked_offsets(self.offsets, n)
        if self.offsets.shape != (len(self.query_ids) + 1,):
            raise UsageError(
                f"offsets have shape {self.offsets.shape}, expected ({len(self.query_ids) + 1},): queries + 1 of them"
            )
        for name, values in self.columns.items():
            if values.shape != (n,):
                raise UsageError(f"column {name!r} has shape {values.shape}, expected ({n},): one value a candidate")

    @classmethod
    def from_rows(cls, query_ids: Any, doc_ids: Any, columns: Mapping[str, Any] | None = None) -> Candidates:
        """Group rows by query, queries in order of first appearance, rows of a query in the order given.

        query_ids, doc_ids: (N,), sequences of str or Arrow arrays; Arrow dictionaries of grouped rows cost least.
        Raises `DataError` for a duplicate document in a query's list.
        """
        codes = _codes_of(query_ids)
        query_of_row = codes.indices.to_numpy(zero_copy_only=False).astype(np.int64)
        doc_ids = as_ids(doc_ids)
        values = {name: np.asarray(v) for name, v in (columns or {}).items()}
        if query_of_row.size and (np.diff(query_of_row) < 0).any():
            order = np.argsort(query_of_row, kind="stable")
            query_of_row, doc_ids = query_of_row[order], doc_ids.take(pa.array(order))
            values = {name: v[order] for name, v in values.items()}
        offsets = np.searchsorted(query_of_row, np.arange(len(codes.dictionary) + 1))
        candidates = cls(codes.dictionary, offsets, doc_ids, values)
        candidates.check_unique()
        return candidates

    @classmethod
    def from_dict(cls, lists: Mapping[str, Mapping[str, float]], column: str) -> Candidates:
        """Build from ``{query_id: {doc_id: value}}`` with the values in a column.

        >>> Candidates.from_dict({"q1": {"d1": 2.0, "d2": 1.0}}, "bm25")
        Candidates(1 queries, 2 candidates, columns: bm25)
        """
        queries = [q for q, documents in lists.items() for _ in documents]
        documents = [d for documents in lists.values() for d in documents]
        return cls.from_rows(queries, documents, {column: [v for docs in lists.values() for v in docs.values()]})

    # -- shape ---------------------------------------------------------------------------------------------------------

    @property
    def n_queries(self) -> int:
        return len(self.query_ids)

    def __len__(self) -> int:
        """Count the rows, that is the (query, document) pairs."""
        return len(self.doc_ids)

    __iter__ = None  # rows or queries? `len` counts rows, `queries` iterates over queries

    @cached_property
    def query_of_row(self) -> I64:
        """Index of each row's query, int64 (N,)."""
        return np.repeat(np.arange(self.n_queries), np.diff(self.offsets))

    @property
    def row_query_ids(self) -> pa.Array:
        """Id of each row's query, string (N,)."""
        return self.query_ids.take(pa.array(self.query_of_row))

    def __repr__(self) -> str:
        names = ", ".join(self.columns) or "none"
        return f"Candidates({self.n_queries} queries, {len(self)} candidates, columns: {names})"

    # -- access --------------------------------------------------------------------------------------------------------

    def __getitem__(self, column: str) -> F32:
        if column not in self.columns:
            raise UnknownNameError("column", column, self.columns)
        return self.columns[column]

    def score_column(self, by: str | None = None) -> str:
        """Name the column of scores: ``by``, or the only column; raise `UsageError` where there are none or several."""
        if by is not None:
            return by
        if len(self.columns) != 1:
            names = ", ".join(self.columns) or "none"
            raise UsageError(f"expected one column of scores, got {names}: choose one by its name (by=...)")
        return next(iter(self.columns))

    def queries(self) -> Iterator[QueryCandidates]:
        """Iterate over the queries, in order, each as a view of its candidates."""
        for i in range(self.n_queries):
            yield self.query(i)

    def query(self, i: int) -> QueryCandidates:
        """View the i-th query's candidates."""
        rows = slice(int(self.offsets[i]), int(self.offsets[i + 1]))
        ids = self.doc_ids[rows].to_pylist()
        return QueryCandidates(self.query_ids[i].as_py(), ids, {name: v[rows] for name, v in self.columns.items()})

    def distinct_documents(self) -> tuple[pa.Array, NDArray[Any]]:
        """The document ids (D,), each once, in order of first appearance; and the place of each row's: int (N,)."""
        codes = pc.dictionary_encode(self.doc_ids)
        return codes.dictionary, codes.indices.to_numpy(zero_copy_only=False)

    def pair_at(self, row: int) -> str:
        """Name the query and document of a row, for messages: ``query 'q1', document 'd7'``."""
        query = int(np.searchsorted(self.offsets, row, side="right")) - 1
        return f"query {self.query_ids[query].as_py()!r}, document {self.doc_ids[int(row)].as_py()!r}"

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
            offsets_of(sizes),
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
            ids = queries
            queries = positions_of(as_ids(ids.tolist()), self.query_ids)
            if (missing := ids[queries < 0]).size:
                raise DataError(f"{len(missing)} queries are not among the candidates, the first is {missing[0]!r}")
        if queries.dtype == bool:
            queries = np.flatnonzero(queries)
        if np.array_equal(queries, np.arange(self.n_queries)):
            return self
        sizes = np.diff(self.offsets)[queries]
        offsets = offsets_of(sizes)
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

    def ranking(self, by: str, ties: Ties = "trec") -> I64:
        """Rank each query's rows by falling ``by``: row indices int64 (N,); missing values (NaN) come last.

        ties: "trec", the larger document id first, as trec_eval; "docid-asc", the smaller first; "rank", in the present
        order of the rows. Document ids compare as UTF-8 bytes.
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
        known = rows >= 0
        added = {}
        for name in names:
            values = np.full(len(self), np.nan, np.float32)
            values[known] = other[name][rows[known]]
            added[name] = values
        return self.with_columns(added)

    def find(self, other: Candidates) -> I64:
        """Find each row of ``other`` here, by query and document: row indices int64 (len(other),), -1 where absent."""
        lists = positions_of(other.query_ids, self.query_ids)
        return match_rows(lists, self.offsets, *id_bytes(self.doc_ids), other.offsets, *id_bytes(other.doc_ids))

    def identical_ids(self) -> Bools:
        """Tell which rows have their query's id as the document's: bool (N,)."""
        lists, query_ids = np.arange(self.n_queries), id_bytes(self.query_ids)
        bounds = np.arange(self.n_queries + 1)
        return match_rows(lists, bounds, *query_ids, self.offsets, *id_bytes(self.doc_ids)) >= 0

    # -- checks --------------------------------------------------------------------------------------------------------

    def check_unique(self) -> None:
        """Raise `DataError` naming the first duplicate document in a query's list."""
        first = repeated_rows(self.offsets, *id_bytes(self.doc_ids))
        repeated = np.flatnonzero(first >= 0)
        if repeated.size:
            raise DataError(
                f"duplicate document in a list: {self.pair_at(int(repeated[0]))} ({repeated.size} duplicates in all); "
                "keep one of each"
            )


def check_ties(ties: str) -> None:
    """Raise `UnknownNameError` unless ``ties`` is a rule of `TIES`."""
    if ties not in TIES:
        raise UnknownNameError("rule for ties", ties, TIES)


def as_ids(ids: Any) -> pa.Array:
    """Convert ids, an Arrow array, a NumPy array or a sequence of str, to one Arrow large_string array."""
    if isinstance(ids, pa.ChunkedArray):
        ids = ids.chunk(0) if ids.num_chunks == 1 else ids.combine_chunks()  # the latter copies even one chunk
    if isinstance(ids, pa.Array):
        return ids if ids.type == pa.large_string() else ids.cast(pa.large_string())
    if isinstance(ids, np.ndarray):
        ids = ids.tolist()
    return pa.array(ids, type=pa.large_string())


def _codes_of(ids: Any) -> pa.DictionaryArray:
    """Encode ids by a dictionary of those that appear, in order of first appearance."""
    if pa.types.is_dictionary(getattr(ids, "type", pa.null())):
        if isinstance(ids, pa.ChunkedArray):
            ids = ids.unify_dictionaries().combine_chunks()
        codes = ids.indices.to_numpy(zero_copy_only=False)
        steps = np.diff(codes, prepend=-1)
        if codes.size and (steps <= 1).all() and (steps >= 0).all() and codes[-1] == len(ids.dictionary) - 1:
            return pa.DictionaryArray.from_arrays(ids.indices, as_ids(ids.dictionary))
        ids = ids.dictionary_decode()
    return pc.dictionary_encode(as_ids(ids))


def positions_of(ids: pa.Array, among: pa.Array) -> I64:
    """Find ids (n,) among others: position of each, int64 (n,), -1 where absent."""
    positions = pc.index_in(ids, value_set=among)
    return pc.fill_null(positions, -1).to_numpy(zero_copy_only=False).astype(np.int64)


def concatenate(parts: Sequence[Candidates]) -> Candidates:
    """Concatenate candidates of different queries; all parts must have the same columns.

    Raises `UsageError` for no parts, `DataError` for a query that is in more than one of them.
    """
    if not parts:
        raise UsageError("nothing to concatenate: give at least one part")
    names = list(parts[0].columns)
    sizes = np.concatenate([np.diff(p.offsets) for p in parts])
    joined = Candidates(
        pa.concat_arrays([p.query_ids for p in parts]),
        offsets_of(sizes),
        pa.concat_arrays([p.doc_ids for p in parts]),
        {name: np.concatenate([p[name] for p in parts]) for name in names},
    )
    if len(pc.unique(joined.query_ids)) != joined.n_queries:
        raise DataError("a query is in more than one of the parts; join columns of the same queries with `join`")
    return joined
