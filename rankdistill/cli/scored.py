"""What score and rerank share: names of columns, and where scores are saved."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rankdistill.files.outputs import check_output_folder
from rankdistill.scoring.settings import ScoringSettings

FIRST_STAGE, MODEL = "score", "model"


def saved_beside(out: Path, scoring: ScoringSettings) -> ScoringSettings:
    """Settings that save scores in the folder OUT.scores beside the run, unless they name a store.

    Raises the errors of `check_output_folder`: call it before anything is read.
    """
    if scoring.store:
        return scoring
    store = out.with_name(f"{out.name}.scores")
    check_output_folder(store)
    return replace(scoring, store=store)
