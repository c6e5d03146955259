"""PreparedCandidates: texts tokenised once, to be scored again and again while a model's weights change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rankdistill.arrays import F32
from rankdistill.data.candidates import Candidates
from rankdistill.inputs.texts import PairTexts, TextCollection
from rankdistill.progress import progress
from rankdistill.scoring.chunks import ChunkScorer
from rankdistill.scoring.score import CHUNK_PAIRS

if TYPE_CHECKING:  # torch is imported by what loads a model
    from rankdistill.models.cross_encoder import CrossEncoder


class PreparedCandidates:
    """Candidates whose texts are tokenised at the first scoring alone. Scores are those of `score`.

    model: the cross-encoder, whose weights may change between two scorings.
    """

    def __init__(self, model: CrossEncoder, candidates: Candidates, collection: TextCollection) -> None:
        self.n_pairs = len(candidates)
        self._scorer = ChunkScorer(model, PairTexts(candidates, collection), model.batch_tokens, "first", "")
        self._tokenized = False

    def score(self, description: str = "scoring") -> F32:
        """Score every candidate by the model as it is: float32 (N,). Raises `DataError` for an id without a text."""
        if not self._tokenized:
            self._scorer.tokenize(check=True)
            self._tokenized = True
        scores = np.empty(self.n_pairs, np.float32)
        chunks = [slice(first, min(first + CHUNK_PAIRS, self.n_pairs)) for first in range(0, self.n_pairs, CHUNK_PAIRS)]
        with progress(description, self.n_pairs) as advance:
            for rows, inputs in zip(chunks, self._scorer.inputs_ahead(chunks), strict=True):
                scores[rows] = self._scorer.scores(self._scorer.logits(inputs, advance), inputs)
        return scores
