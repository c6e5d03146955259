"""The first stage: candidates for a collection's queries, by words (BM25, Lucene) or by vectors (dense)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection
from rankdistill.errors import UnknownNameError


@dataclass(frozen=True)
class Retriever:
    """A first stage: the function ``name`` of the module ``name`` in this folder, imported when it is first called."""

    name: str
    encodes: bool = False
    """Whether it needs the setting ``encode``, a function from texts to vectors."""
    has_languages: bool = False
    """Whether it has the setting ``language``."""

    def __call__(
        self, collection: Collection, query_ids: Sequence[str] | None = None, k: int = 100, **settings: Any
    ) -> Candidates:
        """Find the best k candidates of each query (None: all queries), with a column of scores of this name."""
        function = getattr(import_module(f"rankdistill.retrieval.{self.name}"), self.name)
        candidates: Candidates = function(collection, query_ids, k, **settings)
        return candidates


RETRIEVERS = {
    each.name: each
    for each in (Retriever("bm25"), Retriever("dense", encodes=True), Retriever("lucene", has_languages=True))
}


def retriever(name: str) -> Retriever:
    """Look up a first stage by name; `UnknownNameError` where there is none."""
    if name not in RETRIEVERS:
        raise UnknownNameError("retriever", name, RETRIEVERS)
    return RETRIEVERS[name]
