"""Score candidates by a model under `ScoringSettings`."""

from __future__ import annotations

from pathlib import Path

from rankdistill.arrays import F32
from rankdistill.data import Candidates, Collection
from rankdistill.models import CrossEncoder
from rankdistill.scoring.score import ScoreReport, score_with_report
from rankdistill.scoring.settings import ScoringSettings


def model_scores(
    model: CrossEncoder | str | Path,
    candidates: Candidates,
    collection: Collection,
    settings: ScoringSettings,
    description: str,
) -> tuple[F32, ScoreReport]:
    """Scores of the candidates, float32 (N,), and what they took."""
    model = model if isinstance(model, CrossEncoder) else CrossEncoder.from_pretrained(model)
    if settings.engine:
        model = model.with_engine(settings.engine, settings.dtype)
    return score_with_report(
        model,
        candidates,
        collection,
        batch_tokens=settings.batch_tokens,
        dtype=settings.dtype,
        store=settings.store,
        passages=settings.passages,
        description=description,
    )
