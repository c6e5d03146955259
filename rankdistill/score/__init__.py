"""Scoring candidate lists: texts tokenised once, pairs assembled from ids, the resumable store, and the free cosine."""

from rankdistill.score.cosine import cosine
from rankdistill.score.pairs import PairAssembler
from rankdistill.score.score import ScoreReport, score, score_with_report
from rankdistill.score.store import ScoreStore
from rankdistill.score.tokens import TokenizedTexts

__all__ = ["PairAssembler", "ScoreReport", "ScoreStore", "TokenizedTexts", "cosine", "score", "score_with_report"]
