"""Anchors: the texts of a task, and what each of them searches for."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.data.collection import Collection
from rankdistill.data.examples import Examples, examples_of
from rankdistill.errors import DataError
from rankdistill.retrieval.terms import query_terms
from rankdistill.textbook.rake import keywords


@dataclass(frozen=True, eq=False)
class Anchors:
    """Distinct texts of a task, in order, and whether they are of a ranking: its queries and passages."""

    texts: list[str]
    of_ranking: bool


def anchors_of(collection: Collection, split: str | None = None) -> Anchors:
    """Take the texts of a split, each side of a pair; of a ranking its queries, and their passages.

    split: None for "train"; pairs that have no splits are taken whole. Passages are those that the judgments or the
    collection's own candidates of these queries name; all documents where they name none. Raises `UnknownNameError`
    for a split that the collection does not have, `DataError` where it has no text.
    """
    examples = examples_of(collection, split)
    texts = examples.texts.to_pylist()
    if examples.are_queries:
        texts += _passages(collection, examples)
    collapsed = (" ".join(text.split()) for text in texts)
    distinct = list(dict.fromkeys(text for text in collapsed if text))
    if not distinct:
        raise DataError(f"the texts of {collection.name} are empty: there is nothing to search for")
    return Anchors(distinct, examples.are_queries)


def _passages(collection: Collection, examples: Examples) -> list[str]:
    named = [lists.only_queries(examples.ids).doc_ids for lists in (collection.qrels, collection.candidates) if lists]
    ids = pc.unique(pa.concat_arrays(named)) if named else pa.array([], pa.large_string())
    ids = ids.filter(pa.array(collection.documents.positions(ids) >= 0))
    found: list[str] = collection.documents.take(ids) if len(ids) else collection.documents.texts.to_pylist()
    return found


@dataclass(frozen=True)
class Query:
    """What an anchor searches for: its keywords, for people, and the terms that they are split into."""

    keywords: str
    terms: list[str]


def query_of(text: str, limit: int | None, counts: Counter[str]) -> Query:
    """Search for an anchor's keywords, at most ``limit`` of the best; without any, for the words of its text.

    Counts anchors without keywords, and those whose text has no word to search for either, which find nothing.
    """
    phrases = [phrase for phrase, _ in keywords(text)[:limit]]
    terms = query_terms(" ".join(phrases))
    if not terms:
        terms = query_terms(text)
        phrases = [" ".join(terms)]
        counts["anchors without keywords, by their words" if terms else "anchors without a word"] += 1
    return Query(", ".join(phrases), terms)
