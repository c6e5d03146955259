"""A small collection with candidates, and the tiny models of tests/models."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from rankdistill.data.candidates import Candidates
from rankdistill.errors import DataError
from rankdistill.models import CrossEncoder


def _beside(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("tiny_models", Path(__file__).parents[1] / name)
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tiny_models = _beside("models/conftest.py")


class ListedTexts:
    """The texts of a dict, by id."""

    def __init__(self, texts: dict[str, str]) -> None:
        self.texts = texts

    def take(self, ids) -> list[str]:
        wanted = ids.to_pylist()
        missing = [i for i in wanted if i not in self.texts]
        if missing:
            raise DataError(f"no text for {missing[0]!r}")
        return [self.texts[i] for i in wanted]


class ListedCollection:
    """Queries and documents, which is all that scoring needs of a collection."""

    def __init__(self, queries: dict[str, str], documents: dict[str, str]) -> None:
        self.queries, self.documents = ListedTexts(queries), ListedTexts(documents)


def make_collection(n_queries: int = 6, n_documents: int = 40) -> ListedCollection:
    words = tiny_models.WORDS
    queries = {f"q{i}": " ".join(words[(i + j) % len(words)] for j in range(2 + i % 4)) for i in range(n_queries)}
    documents = {
        f"d{i}": " ".join(words[(i * 7 + j * j) % len(words)] for j in range(1 + i * 5 % 83))
        for i in range(n_documents)
    }
    return ListedCollection(queries, documents)


def make_candidates(collection: ListedCollection, size: int = 10) -> Candidates:
    documents = list(collection.documents.texts)
    rows = [
        (query, documents[(i * 3 + j) % len(documents)])
        for i, query in enumerate(collection.queries.texts)
        for j in range(size)
    ]
    return Candidates.from_rows([q for q, _ in rows], [d for _, d in rows])


@pytest.fixture
def tiny() -> CrossEncoder:
    """A one-logit BERT cross-encoder of four layers, reading 64 tokens."""
    return CrossEncoder(tiny_models.make_model(), tiny_models.make_tokenizer())


@pytest.fixture
def tiny_tokenizer():
    return tiny_models.make_tokenizer()


@pytest.fixture
def collection() -> ListedCollection:
    return make_collection()


@pytest.fixture
def candidates(collection: ListedCollection) -> Candidates:
    return make_candidates(collection)
