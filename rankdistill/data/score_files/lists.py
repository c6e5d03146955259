"""Lists of scored documents as files hold them, and how the lists of a file become one list a query."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.arrays import F64, I64
from rankdistill.data.candidates import as_ids
from rankdistill.data.kernels.ids import id_bytes, repeated_rows, take_ids
from rankdistill.data.offsets import offsets_of
from rankdistill.data.trec.forms import OVERFLOW
from rankdistill.data.trec.lines import GroupedLines
from rankdistill.errors import RankDistillError

Fault = Callable[[int, str, str], RankDistillError]
"""(entry, from 0, what was got, what was expected) -> the error that names file and line."""


@dataclass(frozen=True, eq=False)
class Part:
    """Some lists of a file: list i has ``sizes[i]`` documents, in the order of the file."""

    queries: pa.Array
    """Query of each list, its id or its text, large_string (L,)."""
    sizes: I64
    """int64 (L,)."""
    documents: pa.Array
    """Ids or texts, large_string (N,)."""
    scores: F64
    """float64 (N,), the highest first where only an order is known: -1, -2, ...."""
    entries: I64
    """Entry of the file, from 0, that each list comes from, int64 (L,)."""


def order_scores(sizes: I64) -> F64:
    """Score lists of these sizes by their order alone: -1, -2, ..., float64 (N,)."""
    ends = np.cumsum(sizes)
    places = np.arange(int(sizes.sum())) - np.repeat(ends - sizes, sizes)
    return -(places + 1).astype(np.float64)


def odd_part(part: Part) -> bool:
    """Tell whether ids or scores are missing, empty or no finite float32 numbers."""
    strings = (part.queries, part.documents)
    return bool(
        any(values.null_count or pc.any(pc.equal(values, "")).as_py() for values in strings)
        or len(part.documents) != len(part.scores)
        or not (np.abs(part.scores) < OVERFLOW).all()
    )


def n_empty(part: Part) -> int:
    """Count the entries that have no documents."""
    if part.sizes.all():
        return 0
    return len(np.unique(part.entries)) - len(np.unique(part.entries[part.sizes > 0]))


def joined(parts: Sequence[Part]) -> Part:
    """Concatenate the lists of several parts."""
    return Part(
        pa.concat_arrays([as_ids(part.queries) for part in parts]),
        np.concatenate([part.sizes for part in parts]),
        pa.concat_arrays([as_ids(part.documents) for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.concatenate([part.entries for part in parts]),
    )


def grouped(part: Part, fault: Fault, keep_first: bool = False) -> tuple[GroupedLines, list[str]]:
    """Group lists by query, queries by first appearance, and list each pair once; return also what to say of it.

    keep_first: whether a pair with two different scores keeps the first of them; else the error that ``fault`` makes is
    raised for the entry of the second.
    """
    codes = pc.dictionary_encode(part.queries)
    list_codes = codes.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    row_codes, documents, values = np.repeat(list_codes, part.sizes), part.documents, part.scores
    entries = np.repeat(part.entries, part.sizes)
    if row_codes.size and (np.diff(row_codes) < 0).any():
        order = np.argsort(row_codes, kind="stable")
        row_codes, documents, values, entries = (
            row_codes[order],
            take_ids(documents, order),
            values[order],
            entries[order],
        )
    offsets = offsets_of(np.bincount(row_codes, minlength=len(codes.dictionary)).astype(np.int64))
    first = repeated_rows(offsets, *id_bytes(documents))
    again = np.flatnonzero(first >= 0)
    notes = []
    if again.size:
        differing = again[values[again] != values[first[again]]]
        if differing.size and not keep_first:
            row = int(differing[np.argmin(entries[differing])])
            query, document = codes.dictionary[int(row_codes[row])].as_py(), documents[row].as_py()
            got = f"document {document} again for query {query}, with another score or place"
            raise fault(int(entries[row]), got, "one score for each query and document")
        if differing.size:
            most = float(np.abs(values[differing] - values[first[differing]]).max())
            notes.append(f"{len(differing):,} scores of pairs that have another one (by up to {most:g}) are left out")
        if equal := len(again) - len(differing):
            notes.append(f"{equal:,} pairs are listed again with the same score")
        kept = np.flatnonzero(first < 0)
        row_codes, documents, values = row_codes[kept], take_ids(documents, kept), values[kept]
        offsets = offsets_of(np.bincount(row_codes, minlength=len(codes.dictionary)).astype(np.int64))
    filled = np.flatnonzero(np.diff(offsets) > 0)  # a list may be empty
    query_ids = codes.dictionary if len(filled) == len(codes.dictionary) else codes.dictionary.take(pa.array(filled))
    return GroupedLines(as_ids(query_ids), offsets_of(np.diff(offsets)[filled]), documents, values), notes
