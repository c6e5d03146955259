"""What score and rerank share: names of columns, and where scores are saved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rankdistill.scoring.settings import ScoringSettings

FIRST_STAGE, MODEL = "score", "model"


def saved_beside(out: Path, scoring: ScoringSettings) -> ScoringSettings:
    """Settings that save scores in the folder OUT.scores beside the run, unless they name a store."""
    return scoring if scoring.store else replace(scoring, store=out.with_name(f"{out.name}.scores"))
