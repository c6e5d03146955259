"""Scoring candidate lists: a model's scores or logits, the resumable store that holds them, and the free cosine."""

from rankdistill.scoring.cosine import cosine
from rankdistill.scoring.report import ScoreReport
from rankdistill.scoring.score import score, score_logits, score_with_report
from rankdistill.scoring.settings import ScoringSettings
from rankdistill.scoring.store import ScoreStore

__all__ = ["ScoreReport", "ScoreStore", "ScoringSettings", "cosine", "score", "score_logits", "score_with_report"]
