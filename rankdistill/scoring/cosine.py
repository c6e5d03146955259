"""cosine: score candidates by the base encoder's own cosine, each text encoded once; a teacher without training."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from rankdistill.arrays import F32
from rankdistill.data.candidates import Candidates
from rankdistill.inputs.texts import PairTexts, TextCollection
from rankdistill.progress import progress

if TYPE_CHECKING:  # torch is imported by what loads an encoder
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
    """Score every candidate by the cosine of its query's and its document's vectors: float32 (N,), -1 to 1.

    encoder: an `Encoder`, its folder or hub id (None: the default base). batch_tokens: padded tokens in a batch (None:
    the encoder's default). The vectors of all distinct texts are in memory at once. Raises `DataError` for an id
    without a text or an empty query.
    """
    from rankdistill.models.encoder import Encoder

    if encoder is None or isinstance(encoder, str):
        encoder = Encoder.from_pretrained(encoder) if encoder else Encoder.from_pretrained()
    texts = PairTexts(candidates, collection)
    with progress(description, texts.n_texts, unit="texts") as advance:
        queries = _encode(encoder, texts.queries(), batch_tokens, advance)
        documents = _encode(encoder, texts.documents(), batch_tokens, advance)
    scores = np.empty(len(candidates), np.float32)
    for start in range(0, len(scores), _ROWS):
        rows = slice(start, start + _ROWS)
        np.einsum("nd,nd->n", queries[texts.query_rows[rows]], documents[texts.document_rows[rows]], out=scores[rows])
    return scores


def _encode(
    encoder: Encoder, slices: Iterable[Sequence[str]], batch_tokens: int | None, advance: Callable[[int], None]
) -> F32:
    parts = [encoder.encode(texts, batch_tokens=batch_tokens, advance=advance) for texts in slices]
    return np.concatenate(parts) if parts else np.zeros((0, encoder.dimension), np.float32)
