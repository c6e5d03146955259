"""Add pairs or lists without labels to a task: teachers score them, too, and the student learns from those scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.data.candidates import Candidates, concatenate
from rankdistill.data.collection import Collection, own_candidates
from rankdistill.data.parts import SCORE
from rankdistill.data.texts import Texts, concatenate_texts
from rankdistill.errors import DataError, UsageError
from rankdistill.inputs.own_masks import with_mask
from rankdistill.progress import say
from rankdistill.tasks import LABEL, Task


def with_unlabelled(task: Task, sources: Sequence[Collection]) -> Task:
    """The task with the pairs or lists of collections after its own; they have no judgments.

    Pairs of texts are for tasks of pairs, scored or not, and lists for rankings; columns of scores in them are not
    read, which is said. The ids of a source of which some are there already begin with its name. Raises `UsageError`
    for one in place of the other, `DataError` for a source that is there already, a document of another text, and
    single texts where the task reads pairs.
    """
    collection, parts = task.collection, [task.candidates]
    for source in sources:
        found = source.candidates
        if found is None or not len(found):
            raise UsageError(f"{source.name} has no pairs and no lists to learn from")
        if source.is_of_pairs != collection.is_of_pairs:
            got, expected = ("pairs", "lists") if source.is_of_pairs else ("lists", "pairs")
            raise UsageError(f"{source.name} holds {got}, and {collection.name} learns from {expected}")
        _check_second_texts(source, collection)
        if collection.mask_token is not None:
            source = with_mask(source, collection.mask_token)
        if scored := [name for name in found.columns if name not in (LABEL, SCORE)]:
            say(f"{source.name}: the scores in {', '.join(scored)} are not read, teachers score its texts again")
        own = _with_own_ids(source, collection, concatenate([part.only_columns() for part in parts]))
        collection = replace(
            collection,
            queries=concatenate_texts([collection.queries, own.queries]),
            documents=_joined(collection, own),
            mask_token=collection.mask_token or own.mask_token,
        )
        unknown = dict.fromkeys(task.candidates.columns, np.full(len(found), np.nan, np.float32))
        parts.append(own_candidates(own).only_columns().with_columns(unknown))
    qrels = task.collection.qrels if task.qrels is None else task.qrels
    return replace(task, collection=collection, candidates=concatenate(parts), qrels=qrels)


def _check_second_texts(source: Collection, collection: Collection) -> None:
    """Raise `DataError` for a source without second texts of which a task reads two; say where it reads one of two."""
    scored = collection.scored_pairs
    if scored is None:
        return
    empty = pc.equal(source.documents.texts, pa.scalar("", pa.large_string()))
    if scored.n_texts == 2 and pc.any(empty).as_py():
        first = source.documents.ids.filter(empty)[0].as_py()
        raise DataError(f"pair {first!r} of {source.name} has no second text, and {collection.name} reads two")
    if scored.n_texts == 1 and not pc.all(empty).as_py():
        say(f"{source.name}: its second texts are not read, as {collection.name} reads one")


def _with_own_ids(source: Collection, collection: Collection, candidates: Candidates) -> Collection:
    """The source with ids of its own: where some are taken, all of its queries' ids begin with the source's name.

    candidates: all that are there already. Of pairs it is the document's id, too. Raises `DataError` where all of its
    lists are there, with the same texts.
    """
    found = own_candidates(source)
    taken = collection.queries.positions(source.queries.ids)
    if not (taken >= 0).any():
        return source
    if (taken >= 0).all() and _is_there(source, found, collection, candidates):
        raise DataError(f"{source.name} is there already, under the same ids and with the same texts: give it once")
    for number in count(1):
        prefix = f"{source.name}/" if number == 1 else f"{source.name}#{number}/"
        begin = [pa.scalar(prefix, pa.large_string()), pa.scalar("", pa.large_string())]
        names = pc.binary_join_element_wise(begin[0], source.queries.ids, begin[1])
        if (collection.queries.positions(names) < 0).all():
            break
    queries = Texts(names, source.queries.texts)
    ids = pc.binary_join_element_wise(begin[0], found.query_ids, begin[1])
    if not source.is_of_pairs:
        return replace(source, queries=queries, candidates=replace(found, query_ids=ids))
    rows = pa.array(source.documents.positions(found.doc_ids))
    documents = Texts(ids, source.documents.texts.take(rows))
    return replace(source, queries=queries, documents=documents, candidates=replace(found, query_ids=ids, doc_ids=ids))


def _is_there(source: Collection, found: Candidates, collection: Collection, candidates: Candidates) -> bool:
    """Whether all lists of a source are among the candidates, with the same texts."""
    if (candidates.find(found) < 0).any():
        return False
    for own, other, ids in (
        (source.queries, collection.queries, found.query_ids),
        (source.documents, collection.documents, found.doc_ids),
    ):
        one, two = (texts.texts.take(pa.array(texts.positions(ids))) for texts in (own, other))
        if not one.equals(two):
            return False
    return True


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
