"""Fixtures of a small judged collection and an encoder to start from."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny import judged_collection, make_model, make_tokenizer

from rankdistill.data import Candidates, Collection
from rankdistill.retrieval.bm25 import bm25


@pytest.fixture(scope="session")
def collection() -> Collection:
    return judged_collection()


@pytest.fixture(scope="session")
def run(collection: Collection) -> Candidates:
    """BM25's best ten for every query, column "bm25"."""
    return bm25(collection, k=10)


@pytest.fixture
def tiny_base(tmp_path: Path) -> Path:
    """A folder with a tiny BERT encoder of four layers."""
    make_model().bert.save_pretrained(tmp_path / "base")
    make_tokenizer().save_pretrained(tmp_path / "base")
    return tmp_path / "base"
