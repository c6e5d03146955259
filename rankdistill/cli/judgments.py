"""Load judgments for commands that measure: a file, or a collection's own, all or those of a split."""

from __future__ import annotations

from pathlib import Path

from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection
from rankdistill.data.sources import load_collection
from rankdistill.data.trec.read import read_qrels
from rankdistill.errors import DataError, UsageError
from rankdistill.evaluation.conventions import Conventions


def load_judgments(
    qrels: Path | None, collection: str | None, split: str | None, conventions: Conventions
) -> tuple[Candidates, Conventions, Collection | None]:
    """Read ``--qrels``, or those of ``--collection``, and keep the queries of ``--split`` where it is given.

    Returns the judgments, the conventions as decided by all judgments, and the collection where one is named. Raises
    `UsageError` where neither is given, `DataError` where no judgment is left.
    """
    if qrels is None and collection is None:
        raise UsageError("expected --qrels, or a --collection that has judgments")
    if split is not None and collection is None:
        raise UsageError("--split needs the --collection whose split it is")
    source = load_collection(collection) if collection else None
    judged = read_qrels(qrels) if qrels is not None else source.qrels if source else None
    if judged is None:
        raise DataError(f"{collection} has no judgments: give --qrels")
    conventions = conventions.under(judged if qrels is not None or source is None else source)
    if split is not None and source is not None:
        judged = source.in_split(judged, split)
        if not judged.n_queries:
            raise DataError(f"none of the judged queries is in split {split!r} of {source.name}")
    return judged, conventions, source
