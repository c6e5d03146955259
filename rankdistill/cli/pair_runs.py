"""Runs of tasks of scored pairs, for commands that measure: which task and split they are of."""

from __future__ import annotations

from rankdistill.data.sources import describe_pairs, load_collection
from rankdistill.errors import DataError
from rankdistill.tasks.task import Task


def pair_task(collection: str | None, split: str | None) -> Task | None:
    """Load the task of scored pairs that ``--collection`` names, over a split; None where it names none.

    Raises `UnknownNameError` for a split that the task does not have, `DataError` for one without labels.
    """
    scored = describe_pairs(collection) if collection else None
    if scored is None or collection is None:
        return None
    source = load_collection(collection)
    if source.candidates is None or source.qrels is None:
        raise DataError(f"{collection} has no labels to measure with")
    task = Task(source, source.candidates).part(split or scored.measured_split)
    if not task.judgments.n_queries:
        raise DataError(
            f"the pairs of split {split!r} of {source.name} have no labels, as those of test sets are hidden"
        )
    return task
