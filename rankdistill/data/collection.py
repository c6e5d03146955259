"""Collection: queries, documents, judgments and first-stage candidates under one name, loaded by a source string."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from rankdistill.data.candidates import Candidates
from rankdistill.data.texts import Texts
from rankdistill.errors import DataError, UnknownNameError, UsageError

HASHED_SPLITS = {"train": range(0, 70), "dev": range(70, 80), "test": range(80, 100)}


@dataclass(frozen=True, eq=False)
class Collection:
    """What a search task consists of.

    queries, documents: texts by id. qrels: judgments, column "label". candidates: first-stage lists that came with the
    source. splits: name -> query ids, empty where the source has none of its own. runs: name -> run file beside it.
    Raises `DataError` for a query without words.
    """

    name: str
    queries: Texts
    documents: Texts
    qrels: Candidates | None = None
    candidates: Candidates | None = None
    splits: Mapping[str, list[str]] = field(default_factory=dict)
    runs: Mapping[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        empty = pc.invert(pc.match_substring_regex(self.queries.texts, r"[^\s\p{Z}]"))
        if pc.any(empty).as_py():
            ids = self.queries.ids.filter(empty)
            raise DataError(
                f"query {ids[0].as_py()!r} of {self.name} has an empty text ({len(ids)} such queries): "
                "give it a text, or remove its line from the queries"
            )

    def split(self, name: str) -> list[str]:
        """Query ids of a split, in the collection's order.

        A source without splits of its own is split by a hash of the query id into train, dev and test, about 70, 10 and
        20 in a hundred: the same query falls on the same side whatever else is in the collection.
        """
        if self.splits:
            if name not in self.splits:
                raise UnknownNameError(f"split of {self.name}", name, self.splits)
            return list(self.splits[name])
        if name not in HASHED_SPLITS:
            raise UnknownNameError("split", name, HASHED_SPLITS)
        return [query for query in self.queries.ids.to_pylist() if hash_percent(query) in HASHED_SPLITS[name]]

    def stats(self) -> dict[str, Any]:
        """Count what is in the collection, JSON-ready: sizes, grades, mean words a text, judged pairs without text."""
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


def hashed(text: str) -> int:
    """A 64-bit number that depends on the text alone (BLAKE2b)."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def hash_percent(query_id: str) -> int:
    """A number from 0 to 99 that depends on the id alone."""
    return hashed(query_id) % 100


def mean_words(texts: Texts) -> float:
    """Mean number of words, that is of stretches between white space; 0 without texts."""
    words = sum(pc.sum(pc.count_substring_regex(part, r"\S+")).as_py() or 0 for _, part in texts.batches())
    return words / max(1, len(texts))


def load_collection(source: str | Path) -> Collection:
    """Load the collection that a source string names.

    ``irds:DATASET_ID`` is a data set of ir_datasets, ``pydocs`` the embedded default, and anything else a folder in the
    BEIR layout (``folder:PATH`` says so), of which ``PATH#TAG`` keeps the files tagged TAG.
    """
    prefix, _, argument = str(source).partition(":")
    if prefix not in SOURCES or not (argument or prefix == "pydocs"):
        prefix, argument = "folder", str(source)
    if prefix == "folder" and not any(name and Path(name).is_dir() for name in (argument, argument.rpartition("#")[0])):
        raise UsageError(f"no collection {str(source)!r}: expected {FORMS}, and there is no such folder")
    return SOURCES[prefix](argument)


def _folder(argument: str) -> Collection:
    from rankdistill.data.sources import beir

    return beir.load(argument)


def _irds(argument: str) -> Collection:
    from rankdistill.data.sources import irds

    return irds.load(argument)


def _pydocs(argument: str) -> Collection:
    from rankdistill.data.sources import pydocs

    return pydocs.load(argument)


FORMS = "irds:DATASET_ID, pydocs, or a folder with corpus.jsonl[.gz] and queries.jsonl|tsv[.gz]"
SOURCES: dict[str, Callable[[str], Collection]] = {"folder": _folder, "irds": _irds, "pydocs": _pydocs}
