"""Lists that a first stage retrieved, with the texts of their queries and documents: a folder that needs no other.

queries.parquet, corpus.parquet   the queries, and the documents that are in a list: a folder in the BEIR layout
lists/00000.parquet, ...          the run in parts, which `rankdistill score` takes one by one, with columns of experts
lists.json                        what they were made of
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection
from rankdistill.data.parts import QUERIES_PER_PART, SCORE, is_parts, write_parts
from rankdistill.data.texts import Texts
from rankdistill.errors import DataError
from rankdistill.files.atomic import atomic_path, link_or_copy
from rankdistill.files.checksums import check_undamaged, is_sealed
from rankdistill.files.facts import write_facts
from rankdistill.files.outputs import check_output_folder

LISTS, QUERIES, CORPUS, REPORT = "lists", "queries.parquet", "corpus.parquet", "lists.json"
SCHEMA = pa.schema([("_id", pa.large_string()), ("text", pa.large_string())])
TEXTS_AT_ONCE = 1 << 16


def write_lists(
    run: Candidates,
    collection: Collection,
    folder: str | Path,
    *,
    by: str | None = None,
    facts: Mapping[str, Any] | None = None,
    queries_per_part: int = QUERIES_PER_PART,
) -> dict[str, int]:
    """Write a run and the texts that it names as a new folder, and return what was counted.

    by: the run's column of scores (None: its only one). facts: what the run was made of, as JSON can hold it. Queries
    without a candidate are left out, and counted. Texts are copied a block at a time. Raises `UsageError` where the
    folder has anything in it, `DataError` for a run without a candidate and for an id without a text.
    """
    folder = Path(folder)
    check_output_folder(folder, new=True)
    sizes = np.diff(run.offsets)
    found = run.take_queries(sizes > 0)
    counts = {
        "queries": found.n_queries,
        "queries without a candidate": run.n_queries - found.n_queries,
        "candidates": len(found),
        "documents": len(unique := pc.unique(found.doc_ids)),
    }
    if not len(found):
        raise DataError(f"none of the {run.n_queries:,} queries has a candidate: there are no lists to write")
    scores = found[found.score_column(by)]
    with atomic_path(folder) as temporary:
        temporary.mkdir(parents=True)
        _write_texts(temporary / QUERIES, found.query_ids, collection.queries)
        _write_texts(temporary / CORPUS, unique, collection.documents)
        write_parts(found.only_columns().with_columns({SCORE: scores}), temporary / LISTS, queries_per_part)
        write_facts(temporary / REPORT, {"made of": dict(facts or {}), "counts": counts})
    return counts


def is_lists(folder: str | Path) -> bool:
    """Tell whether this is a folder that `write_lists` wrote."""
    return is_parts(Path(folder) / LISTS) and (Path(folder) / REPORT).is_file()


def check_lists(folder: str | Path) -> None:
    """Raise `DataError` for a folder that is none of lists, or that a killed command left without its texts."""
    if is_lists(folder):
        return
    if is_parts(Path(folder) / LISTS):
        raise DataError(f"{folder} has lists and no {REPORT}: run the command that writes it again, which resumes")
    raise DataError(f"{folder} is no folder of lists: write one with `rankdistill retrieve --lists`")


def parts_folder(folder: str | Path) -> Path:
    """Where the parts of a folder are: in `LISTS` of a folder of lists, else in the folder itself."""
    return Path(folder) / LISTS if is_lists(folder) else Path(folder)


def link_texts(lists: str | Path, folder: str | Path) -> None:
    """Make a folder that has parts in `LISTS` one of lists, by the queries, documents and report of another one.

    They are hard links where the file system has them, and copies where not. The report is last, as a folder without it
    is no folder of lists. Raises `DataError` for texts that are not as they were written.
    """
    lists, folder = Path(lists), Path(folder)
    for name in (QUERIES, CORPUS):
        if is_sealed(lists / name):
            check_undamaged(lists / name, "the file", "write the lists anew with `rankdistill retrieve --lists`")
        link_or_copy(lists / name, folder / name, sealed=True)
    link_or_copy(lists / REPORT, folder / REPORT)


def _write_texts(file: Path, ids: pa.Array, texts: Texts) -> None:
    with atomic_path(file, sealed=True) as temporary, pq.ParquetWriter(temporary, SCHEMA) as writer:
        for start in range(0, len(ids), TEXTS_AT_ONCE):
            block = ids.slice(start, TEXTS_AT_ONCE)
            writer.write_table(pa.table([block, pa.array(texts.take(block), pa.large_string())], SCHEMA.names))
