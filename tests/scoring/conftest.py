"""A small collection with candidates, and the tiny models of tests/models."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from rankdistill.data.candidates import Candidates
from rankdistill.data.texts import Texts
from rankdistill.models import CrossEncoder


def _beside(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("tiny_models", Path(__file__).parents[1] / name)
    if spec is None or spec.loader is None:
        raise ImportError(name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tiny_models = _beside("models/conftest.py")


def changed(texts: Texts, **changes: str | None) -> Texts:
    """The texts with some replaced, or left out where the change is None."""
    known = {**dict(texts), **changes}
    kept = {text_id: text for text_id, text in known.items() if text is not None}
    return Texts.from_pairs(list(kept), list(kept.values()))


def make_collection(n_queries: int = 6, n_documents: int = 40) -> SimpleNamespace:
    """Queries and documents, which is all that scoring needs of a collection; documents of 1 to 83 words."""
    words = tiny_models.WORDS
    queries = {f"q{i}": " ".join(words[(i + j) % len(words)] for j in range(2 + i % 4)) for i in range(n_queries)}
    documents = {
        f"d{i}": " ".join(words[(i * 7 + j * j) % len(words)] for j in range(1 + i * 5 % 83))
        for i in range(n_documents)
    }
    return SimpleNamespace(
        queries=Texts.from_pairs(list(queries), list(queries.values())),
        documents=Texts.from_pairs(list(documents), list(documents.values())),
    )


def make_candidates(collection: SimpleNamespace, size: int = 10) -> Candidates:
    documents = collection.documents.ids.to_pylist()
    rows = [
        (query, documents[(i * 3 + j) % len(documents)])
        for i, query in enumerate(collection.queries.ids.to_pylist())
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
def collection() -> SimpleNamespace:
    return make_collection()


@pytest.fixture
def candidates(collection: SimpleNamespace) -> Candidates:
    return make_candidates(collection)


@pytest.fixture(name="changed")
def changed_fixture():
    return changed
