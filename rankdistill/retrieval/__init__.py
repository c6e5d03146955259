"""First stages: retrieve candidates for a collection's queries by words (BM25, Lucene) or by vectors (dense)."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from rankdistill.data.candidates import Candidates
from rankdistill.errors import UnknownNameError

Retriever = Callable[..., Candidates]


def _lazy(name: str) -> Retriever:
    """Make a function that imports the function ``name`` from the module ``name`` when it is called."""

    def retrieve(*args: Any, **settings: Any) -> Candidates:
        return getattr(import_module(f"rankdistill.retrieval.{name}"), name)(*args, **settings)

    retrieve.__name__ = name
    retrieve.__doc__ = f"See `rankdistill.retrieval.{name}.{name}`."
    return retrieve


RETRIEVERS: dict[str, Retriever] = {name: _lazy(name) for name in ("bm25", "dense", "lucene")}


def retriever(name: str) -> Retriever:
    """Look up a first stage by name.

    Its arguments are ``(collection, query_ids=None, k=100, **settings)``; it returns candidates with a column of its
    name.
    Raises `UnknownNameError` for a name that is not in `RETRIEVERS`.
    """
    if name not in RETRIEVERS:
        raise UnknownNameError("retriever", name, RETRIEVERS)
    return RETRIEVERS[name]
