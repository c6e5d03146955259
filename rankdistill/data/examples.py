"""Examples: the texts or pairs of a collection that are varied."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.arrays import F32, I64
from rankdistill.data.collection import HASHED_SPLITS, Collection
from rankdistill.errors import DataError, UnknownNameError

SPLIT, ALL = "train", "all"


@dataclass(frozen=True, eq=False)
class Examples:
    """Texts or pairs by number, over the distinct texts of all.

    ids: large_string (E,). texts: distinct ones, large_string (T,). columns: int64 (E,) rows of ``texts``, one array
    for single texts, two for pairs. labels: float32 (E,), NaN where there is none; None for queries and
    unlabelled pairs.
    """

    ids: pa.Array
    texts: pa.Array
    columns: tuple[I64, ...]
    labels: F32 | None
    are_queries: bool
    """Whether they are the queries of a ranking."""

    def __len__(self) -> int:
        return len(self.ids)


def examples_of(collection: Collection, split: str | None = None) -> Examples:
    """Take the pairs of a split, or the queries of a ranking's; pairs that have no splits are taken whole.

    Pairs whose second texts are all empty are single texts. split: None for "train", "all" for everything. Raises
    `UnknownNameError` for a split that the collection does not have, `DataError` where it has no texts.
    """
    pairs = collection.candidates
    queries_alone = not collection.is_of_pairs
    if queries_alone or pairs is None:
        ids = ids_of_split(collection, split or SPLIT)
        sides = [collection.queries.column(ids)]
    else:
        kept = pairs
        if not _is_everything(collection, split) and (split is not None or collection.splits):
            kept = pairs.only_queries(ids_of_split(collection, split or SPLIT))
        ids = kept.row_query_ids
        sides = [collection.queries.column(ids)]
        seconds = collection.documents.column(kept.doc_ids)
        if pc.any(pc.not_equal(seconds, pa.scalar("", pa.large_string()))).as_py():
            sides.append(seconds)
    if not len(ids):
        raise DataError(f"split {split or SPLIT!r} of {collection.name} has no texts")
    coded = pc.dictionary_encode(pa.concat_arrays(sides))
    rows = coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    labels = None
    if not queries_alone and pairs is not None and collection.qrels is not None:
        labels = kept.only_columns().join(collection.qrels, "label")["label"]
    columns = tuple(np.split(rows, len(sides)))
    return Examples(pa.array(ids, pa.large_string()), coded.dictionary, columns, labels, queries_alone)


def ids_of_split(collection: Collection, split: str) -> pa.Array:
    """The query ids of a split, or of everything for "all", in the collection's order: large_string (Q,).

    Raises `UnknownNameError`, whose message has "all", too, for a split that the collection does not have.
    """
    if _is_everything(collection, split):
        return collection.queries.ids
    known = collection.splits or HASHED_SPLITS
    if split not in known:
        raise UnknownNameError(f"split of {collection.name}", split, {*known, ALL})
    return pa.array(collection.split(split), pa.large_string())


def _is_everything(collection: Collection, split: str | None) -> bool:
    return split == ALL and ALL not in collection.splits
