"""Labels of a task as GLUE takes them: a line per pair of a split, its place in the split's file and its label."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rankdistill.arrays import F32, I64
from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection, own_candidates
from rankdistill.data.scored_pairs import ScoredPairs
from rankdistill.data.sources.pairs.build import rows_of_ids
from rankdistill.errors import DataError, UsageError
from rankdistill.files.atomic import atomic_path


def places_in_split(candidates: Candidates, collection: Collection) -> tuple[str, I64]:
    """Find the split whose pairs the candidates are, and the place of each in the split's file, from 0: int64 (N,).

    A row of the file that is left out has a place, too, which no pair has.
    Raises `UsageError` for pairs of several splits, `DataError` for one that the collection does not have.
    """
    strange = np.flatnonzero(own_candidates(collection).find(candidates) < 0)
    if len(strange):
        raise DataError(f"{candidates.pair_at(int(strange[0]))} is no pair of {collection.name}")
    places = {
        id_: (split, place)
        for split, ids in collection.splits.items()
        for id_, place in zip(ids, rows_of_ids(split, ids), strict=True)
    }
    found = [places[id_] for id_ in candidates.row_query_ids.to_pylist()]
    splits = list(dict.fromkeys(split for split, _ in found))
    if len(splits) != 1:
        raise UsageError(
            f"labels are written for one split, as GLUE takes them, and these pairs are of {', '.join(splits)}: "
            "choose one by --split"
        )
    return splits[0], np.array([place for _, place in found], np.int64)


def write_submission(labels: F32, places: I64, scored: ScoredPairs, path: str | Path) -> None:
    """Write labels float32 (N,) of the pairs at the places int64 (N,), in the places' order.

    The header is ``index``, ``prediction``. A class is written by its name, or by its number where the task's files
    have that (``numbered``).
    """
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write("index\tprediction\n")
        file.writelines(f"{places[row]}\t{scored.written(float(labels[row]))}\n" for row in np.argsort(places))
