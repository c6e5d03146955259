"""Scoring candidate lists: texts tokenised once, pairs assembled from ids, the resumable store, and the free cosine."""

from rankdistill.inputs.pairs import PairAssembler
from rankdistill.inputs.tokens import TokenizedTexts
from rankdistill.scoring.cosine import cosine
from rankdistill.scoring.score import ScoreReport, score, score_with_report
from rankdistill.scoring.store import ScoreStore

__all__ = ["PairAssembler", "ScoreReport", "ScoreStore", "TokenizedTexts", "cosine", "score", "score_with_report"]
