"""Fixtures of tiny models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tiny import make_model, make_tokenizer
from transformers import PreTrainedTokenizerFast

from rankdistill.models import CrossEncoder


@pytest.fixture
def tiny_tokenizer() -> PreTrainedTokenizerFast:
    return make_tokenizer()


@pytest.fixture
def tiny_model() -> Callable[..., Any]:
    return make_model


@pytest.fixture
def tiny() -> CrossEncoder:
    """A one-logit BERT cross-encoder of four layers."""
    return CrossEncoder(make_model(), make_tokenizer())


@pytest.fixture
def pairs() -> list[tuple[str, str]]:
    """Pairs of many lengths, one over-long, one with an empty document."""
    documents = ["a dog", "the cat wrote a book", "sort the list", "", "long " * 90, "what is a dog?"]
    return [(query, document) for query in ("what is a dog", "how to sort a list") for document in documents]
