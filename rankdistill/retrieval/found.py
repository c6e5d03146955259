"""Parts shared by the retrievers: choice of queries, results as Candidates, ids on disk."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from rankdistill.arrays import F32, I64
from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection
from rankdistill.data.offsets import offsets_of
from rankdistill.data.texts import Texts
from rankdistill.errors import DataError, UsageError
from rankdistill.files.checksums import check_undamaged


def chosen_queries(collection: Collection, query_ids: Sequence[str] | None) -> Texts:
    """Get the collection's queries: all, or these in this order; raise `DataError` for an id that it does not have."""
    if query_ids is None:
        return collection.queries
    return Texts.from_pairs(list(query_ids), collection.queries.take(query_ids))


def found_candidates(
    query_ids: pa.Array, doc_ids: pa.Array, sizes: I64, rows: I64, scores: F32, column: str, hint: str = ""
) -> Candidates:
    """Build candidates: how many each query has, and of all of them, in order, the rows of ``doc_ids`` and scores.

    A query that found nothing keeps an empty list; a warning reports the number of such queries, and the hint why.
    """
    if empty := int((sizes == 0).sum()):
        first = query_ids[int(np.argmin(sizes))].as_py()
        warnings.warn(
            f"{column} found no document for {empty} of {len(query_ids)} queries, the first is {first!r}{hint}",
            stacklevel=3,
        )
    return Candidates(query_ids, offsets_of(sizes), doc_ids.take(pa.array(rows)), {column: scores})


def joined(rows: Sequence[I64], scores: Sequence[F32]) -> tuple[I64, I64, F32]:
    """Join one array of rows and one of scores per query to what `found_candidates` takes."""
    sizes = np.array([len(of_query) for of_query in rows], dtype=np.int64)
    positions = np.concatenate([*rows, np.zeros(0, np.int64)]).astype(np.int64)
    return sizes, positions, np.concatenate([*scores, np.zeros(0, np.float32)])


def check_k(k: int) -> None:
    """Raise `UsageError` unless k is at least 1."""
    if k < 1:
        raise UsageError(f"k must be at least 1, got {k}")


def save_index_parts(folder: Path, doc_ids: pa.Array, index_format: Mapping[str, int | str]) -> None:
    """Write the document ids of an index, and its kind and version, into its folder."""
    table = pa.table({"doc_id": doc_ids})
    with pa.ipc.new_file(str(folder / "doc_ids.arrow"), table.schema) as file:
        file.write_table(table)
    (folder / "format.json").write_text(json.dumps(dict(index_format)), encoding="utf-8")


def check_index(folder: Path, index_format: Mapping[str, int | str]) -> None:
    """Check the folder of an index. Raises `DataError` unless its format is as expected and no file was damaged.

    Cost: one reading of the files.
    """
    try:
        got = json.loads((folder / "format.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{folder} is not the folder of an index ({error})") from error
    if got != dict(index_format):
        raise DataError(f"{folder} holds an index of format {got}, expected {dict(index_format)}: build it again")
    check_undamaged(folder, "the index", "build it again")


def load_doc_ids(folder: Path) -> pa.Array:
    """Read the document ids of an index's folder."""
    return pa.ipc.open_file(pa.memory_map(str(folder / "doc_ids.arrow"))).read_all()["doc_id"].combine_chunks()
