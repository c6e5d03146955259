"""cosine: score candidates by the base encoder's own similarity, each text encoded once; a teacher without training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rankdistill.arrays import F32
from rankdistill.inputs.texts import PairTexts, TextCollection
from rankdistill.progress import progress

if TYPE_CHECKING:  # torch and Arrow are imported by what loads an encoder, and makes candidates
    from rankdistill.data.candidates import Candidates
    from rankdistill.models.encoder import Encoder

_ROWS = 65_536


def cosine(
    candidates: Candidates,
    collection: TextCollection,
    *,
    encoder: Encoder | str | None = None,
    batch_tokens: int | None = None,
    description: str = "encoding",
) -> F32:
    """Score every candidate by the similarity of its query's and its document's vectors: float32 (N,).

    The similarity is the one that the encoder's folder states: the cosine, -1 to 1, or the dot product; so are prompts
    and all the rest, see `Encoder`. encoder: an `Encoder`, its folder or hub id (None: the default base). batch_tokens:
    padded tokens in a batch (None: the encoder's default). The vectors of all distinct texts are in memory at once.
    Raises `DataError` for an id without a text or an empty query.
    """
    from rankdistill.models.encoder import Encoder

    if encoder is None or isinstance(encoder, str):
        encoder = Encoder.from_pretrained(encoder) if encoder else Encoder.from_pretrained()
    texts = PairTexts(candidates, collection)
    with progress(description, texts.n_texts, unit="texts") as advance:
        options = {"batch_tokens": batch_tokens, "advance": advance}
        queries = _joined([encoder.encode_queries(part, **options) for part in texts.queries()], encoder)
        documents = _joined([encoder.encode_documents(part, **options) for part in texts.documents()], encoder)
    scores = np.empty(len(candidates), np.float32)
    for start in range(0, len(scores), _ROWS):
        rows = slice(start, start + _ROWS)
        np.einsum("nd,nd->n", queries[texts.query_rows[rows]], documents[texts.document_rows[rows]], out=scores[rows])
    return scores


def _joined(parts: list[F32], encoder: Encoder) -> F32:
    return np.concatenate(parts) if parts else np.zeros((0, encoder.dimension), np.float32)
