"""Add pairs or lists without labels to a task: teachers score them, too, and the student learns from those scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.data.candidates import concatenate
from rankdistill.data.collection import Collection
from rankdistill.data.parts import SCORE
from rankdistill.data.texts import Texts, concatenate_texts
from rankdistill.errors import DataError, UsageError
from rankdistill.progress import say
from rankdistill.tasks import LABEL, Task


def with_unlabelled(task: Task, sources: Sequence[Collection]) -> Task:
    """The task with the pairs or lists of collections after its own; they have no judgments.

    Pairs of texts are for tasks of scored pairs, lists for rankings; columns of scores in them are not read, which is
    said. Raises `UsageError` for one in place of the other, `DataError` for an id that is there already, a document of
    another text, and single texts where the task reads pairs.
    """
    collection, parts = task.collection, [task.candidates]
    for source in sources:
        found = source.candidates
        if found is None or not len(found):
            raise UsageError(f"{source.name} has no pairs and no lists to learn from")
        are_pairs = found.n_queries == len(found) and found.doc_ids.equals(found.query_ids)
        if are_pairs == (task.kind == "ranking"):
            got, expected = ("pairs", "lists") if are_pairs else ("lists", "pairs")
            raise UsageError(f"{source.name} holds {got}, and {collection.name} learns from {expected}")
        _check_second_texts(source, collection)
        if scored := [name for name in found.columns if name not in (LABEL, SCORE)]:
            say(f"{source.name}: the scores in {', '.join(scored)} are not read, teachers score its texts again")
        collection = replace(
            collection,
            queries=concatenate_texts([collection.queries, source.queries]),
            documents=_joined(collection, source),
        )
        unknown = np.full(len(found), np.nan, np.float32)
        parts.append(found.only_columns().with_columns(dict.fromkeys(task.candidates.columns, unknown)))
    qrels = task.collection.qrels if task.qrels is None else task.qrels
    return replace(task, collection=collection, candidates=concatenate(parts), qrels=qrels)


def _check_second_texts(source: Collection, collection: Collection) -> None:
    scored = collection.scored_pairs
    if scored is None or scored.n_texts == 1:
        return
    empty = pc.equal(source.documents.texts, pa.scalar("", pa.large_string()))
    if pc.any(empty).as_py():
        first = source.documents.ids.filter(empty)[0].as_py()
        raise DataError(f"pair {first!r} of {source.name} has no second text, and {collection.name} reads two")


def _joined(collection: Collection, source: Collection) -> Texts:
    """The documents of both; one that both have must have one text."""
    known = collection.documents.positions(source.documents.ids)
    if (both := known >= 0).any():
        rows = pa.array(np.flatnonzero(both))
        own, other = (
            collection.documents.texts.take(pa.array(known[both])),
            source.documents.texts.take(rows),
        )
        differ = pc.not_equal(own, other)
        if pc.any(differ).as_py():
            first = source.documents.ids.take(rows).filter(differ)[0].as_py()
            raise DataError(f"document {first!r} has another text in {source.name} than in {collection.name}")
    new = pa.array(~both)
    return concatenate_texts(
        [collection.documents, Texts(source.documents.ids.filter(new), source.documents.texts.filter(new))]
    )
