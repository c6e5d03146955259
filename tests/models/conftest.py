"""Fixtures of tiny models."""

from __future__ import annotations

import pytest


@pytest.fixture
def pairs() -> list[tuple[str, str]]:
    """Pairs of many lengths, one over-long, one with an empty document."""
    documents = ["a dog", "the cat wrote a book", "sort the list", "", "long " * 90, "what is a dog?"]
    return [(query, document) for query in ("what is a dog", "how to sort a list") for document in documents]
