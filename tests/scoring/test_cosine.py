"""Cosine scores are the dot products of unit vectors, row for row."""

from __future__ import annotations

import numpy as np
import pytest

from rankdistill.errors import DataError
from rankdistill.models import CrossEncoder, Encoder
from rankdistill.scoring import cosine


@pytest.fixture
def encoder(tiny: CrossEncoder) -> Encoder:
    return Encoder(tiny.model.bert, tiny.tokenizer, 64)


def test_scores_are_cosines_row_for_row(encoder: Encoder, candidates, collection) -> None:
    scores = cosine(candidates, collection, encoder=encoder)
    assert scores.dtype == np.float32
    queries, documents = (
        collection.queries.take(candidates.row_query_ids),
        collection.documents.take(candidates.doc_ids),
    )
    for row in range(0, len(scores), 7):
        first, second = encoder.encode([queries[row], documents[row]]).astype(np.float64)
        assert scores[row] == pytest.approx(first @ second, abs=1e-5)


def test_id_without_text_is_an_error(encoder: Encoder, candidates, collection, changed) -> None:
    collection.documents = changed(collection.documents, d3=None)
    with pytest.raises(DataError, match="d3"):
        cosine(candidates, collection, encoder=encoder)
