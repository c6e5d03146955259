"""Cosine scores are the dot products of unit vectors, row for row."""

from __future__ import annotations

import numpy as np
import pytest

from rankdistill.errors import DataError
from rankdistill.models import CrossEncoder, Encoder
from rankdistill.score import cosine


@pytest.fixture
def encoder(tiny: CrossEncoder) -> Encoder:
    return Encoder(tiny.model.bert, tiny.tokenizer, 64)


def test_scores_are_cosines_row_for_row(encoder: Encoder, candidates, collection) -> None:
    scores = cosine(candidates, collection, encoder=encoder)
    assert scores.dtype == np.float32
    queries, documents = candidates.row_query_ids.to_pylist(), candidates.doc_ids.to_pylist()
    for row in range(0, len(scores), 7):
        texts = [collection.queries.texts[queries[row]], collection.documents.texts[documents[row]]]
        first, second = encoder.encode(texts).astype(np.float64)
        assert scores[row] == pytest.approx(first @ second, abs=1e-5)


def test_id_without_text_is_an_error(encoder: Encoder, candidates, collection) -> None:
    del collection.documents.texts["d3"]
    with pytest.raises(DataError, match="d3"):
        cosine(candidates, collection, encoder=encoder)
