"""Collection: queries, documents, judgments and first-stage candidates under one name."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow.compute as pc

from rankdistill.data.candidates import Candidates
from rankdistill.data.scored_pairs import ScoredPairs
from rankdistill.data.texts import Texts
from rankdistill.errors import DataError, UnknownNameError, UsageError

HASHED_SPLITS = {"train": range(0, 70), "dev": range(70, 80), "test": range(80, 100)}


@dataclass(frozen=True, eq=False)
class Collection:
    """Hold the queries, documents and judgments of a search task.

    queries, documents: texts by id. qrels: judgments, column "label". candidates: first-stage lists that came with the
    source. splits: name -> query ids, empty where the source has none of its own. runs: name -> run file beside it.
    unjudged: what a candidate is that the qrels do not name, "missing" (unknown) or "irrelevant" (grade 0); None: not
    stated, `rankdistill.evaluation.Conventions` decides by the grades of the qrels. scored_pairs: what the labels are
    of a task of texts or pairs, all of which are in ``candidates`` (None: a ranking). mask_token: what is
    written for masked words in its texts (None: no word is masked); models read their own in place of it.
    Raises `DataError` for a query without words, `UnknownNameError` for another value of ``unjudged``.
    """

    name: str
    queries: Texts
    documents: Texts
    qrels: Candidates | None = None
    candidates: Candidates | None = None
    splits: Mapping[str, list[str]] = field(default_factory=dict)
    runs: Mapping[str, Path] = field(default_factory=dict)
    unjudged: Literal["missing", "irrelevant"] | None = None
    scored_pairs: ScoredPairs | None = None
    mask_token: str | None = None

    def __post_init__(self) -> None:
        if self.unjudged not in (None, "missing", "irrelevant"):
            raise UnknownNameError("treatment of unjudged candidates", str(self.unjudged), ("missing", "irrelevant"))
        empty = pc.invert(pc.match_substring_regex(self.queries.texts, r"[^\s\p{Z}]"))
        if pc.any(empty).as_py():
            ids = self.queries.ids.filter(empty)
            raise DataError(
                f"query {ids[0].as_py()!r} of {self.name} has an empty text ({len(ids)} such queries): "
                "give it a text, or remove its line from the queries"
            )

    @property
    def is_of_pairs(self) -> bool:
        """Whether it is of texts or pairs, scored or not, and no ranking: each has an id of its own, for both texts."""
        own = self.candidates
        return self.scored_pairs is not None or (
            own is not None and own.n_queries == len(own) and own.doc_ids.equals(own.query_ids)
        )

    def split(self, name: str) -> list[str]:
        """List the query ids of a split, in the collection's order.

        A source without splits of its own is split by a hash of the query id into train, dev and test, about 70, 10 and
        20 percent. A query's split does not depend on the rest of the collection. Raises `UnknownNameError` for a split
        that the collection does not have.
        """
        if self.splits:
            if name not in self.splits:
                raise UnknownNameError(f"split of {self.name}", name, self.splits)
            return list(self.splits[name])
        if name not in HASHED_SPLITS:
            raise UnknownNameError("split", name, HASHED_SPLITS)
        return [query for query in self.queries.ids.to_pylist() if hash_percent(query) in HASHED_SPLITS[name]]

    def in_split(self, candidates: Candidates, split: str) -> Candidates:
        """Keep the candidates of the queries in a split, possibly none."""
        return candidates.only_queries(self.split(split))

    def judgments_of(self, candidates: Candidates) -> Candidates:
        """Get the judgments of the candidates' queries, possibly none; raise `DataError` without qrels."""
        if self.qrels is None:
            raise DataError(f"{self.name} has no qrels to measure with")
        return self.qrels.only_queries(candidates.query_ids)

    def stats(self) -> dict[str, Any]:
        """Count sizes, grades, mean words per text and judged pairs without text, as JSON can hold them."""
        names = self.splits or HASHED_SPLITS
        numbers: dict[str, Any] = {
            "name": self.name,
            "queries": len(self.queries),
            "documents": len(self.documents),
            "mean_query_words": mean_words(self.queries),
            "mean_document_words": mean_words(self.documents),
            "splits": {name: len(self.split(name)) for name in names},
            "runs": sorted(self.runs),
        }
        if self.qrels is not None:
            grades, counts = np.unique(self.qrels["label"], return_counts=True)
            numbers |= {
                "judged_pairs": len(self.qrels),
                "judged_queries": self.qrels.n_queries,
                "grades": {f"{grade:g}": int(count) for grade, count in zip(grades, counts, strict=True)},
                "judged_without_text": int((self.documents.positions(self.qrels.doc_ids) < 0).sum()),
                "judged_queries_without_text": int((self.queries.positions(self.qrels.query_ids) < 0).sum()),
            }
        if self.candidates is not None:
            numbers["candidates"] = len(self.candidates)
        return numbers


def own_candidates(collection: Collection) -> Candidates:
    """The candidates that came with a collection; `UsageError` where none did."""
    if collection.candidates is None:
        raise UsageError(f"{collection.name} has no candidates of its own: give --run, such as `retrieve` writes")
    return collection.candidates


def hashed(text: str) -> int:
    """Hash a text to a 64-bit number (BLAKE2b)."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def hash_percent(query_id: str) -> int:
    """Hash a query id to a number from 0 to 99."""
    return hashed(query_id) % 100


def mean_words(texts: Texts) -> float:
    """Compute the mean number of words, separated by white space; 0 without texts."""
    words = sum(pc.sum(pc.count_substring_regex(part, r"\S+")).as_py() or 0 for _, part in texts.batches())
    return words / max(1, len(texts))
