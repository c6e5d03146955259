"""Fixtures of a small collection with candidates, and a tiny model."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import tiny as tiny_things

from rankdistill.data import Candidates
from rankdistill.models import CrossEncoder


@pytest.fixture
def tiny() -> CrossEncoder:
    """A one-logit BERT cross-encoder of four layers, reading 64 tokens."""
    return CrossEncoder(tiny_things.make_model(), tiny_things.make_tokenizer())


@pytest.fixture
def tiny_tokenizer():
    return tiny_things.make_tokenizer()


@pytest.fixture
def collection() -> SimpleNamespace:
    return tiny_things.make_collection()


@pytest.fixture
def candidates(collection: SimpleNamespace) -> Candidates:
    return tiny_things.make_candidates(collection)


@pytest.fixture(name="changed")
def changed_fixture():
    return tiny_things.changed
