"""Judgments for commands that measure: a file, or a collection's own, all or those of a split."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection
from rankdistill.data.sources import load_collection
from rankdistill.data.trec.read import read_qrels
from rankdistill.errors import DataError, UsageError


def load_judgments(
    qrels: Path | None, collection: str | None, split: str | None
) -> tuple[Candidates, Collection | None]:
    """Read ``--qrels``, or take those of ``--collection``; of ``--split`` alone where it is given.

    Returns the collection too, where one is named. Raises `UsageError` where nothing says what to measure against,
    `DataError` where no judgment is left.
    """
    if qrels is None and collection is None:
        raise UsageError("expected --qrels, or a --collection that has judgments")
    if split is not None and collection is None:
        raise UsageError("--split needs the --collection whose split it is")
    source = load_collection(collection) if collection else None
    judged = read_qrels(qrels) if qrels is not None else source.qrels if source else None
    if judged is None:
        raise DataError(f"{collection} has no judgments: give --qrels")
    if split is not None and source is not None:
        wanted = pa.array(source.split(split), pa.large_string())
        judged = judged.take_queries(np.asarray(pc.is_in(judged.query_ids, value_set=wanted)))
        if not judged.n_queries:
            raise DataError(f"none of the judged queries is in split {split!r} of {source.name}")
    return judged, source
