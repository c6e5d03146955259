"""measure_model: what a model reaches on a task, as a run and as metrics beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from rankdistill.data import write_run
from rankdistill.files.atomic import atomic_path
from rankdistill.files.finite_json import finite
from rankdistill.models import CrossEncoder
from rankdistill.progress import say
from rankdistill.scoring.score import score_with_report
from rankdistill.scoring.settings import ScoringSettings
from rankdistill.tasks import Task


def measure_model(
    model: CrossEncoder,
    task: Task,
    out: str | Path,
    *,
    scoring: ScoringSettings | None = None,
    facts: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Score a task's candidates, write ``run.trec.gz`` and ``metrics.json`` into ``out``, and return the metrics.

    Beside the measures they hold ``queries``, ``parameters`` (a count), ``pairs_per_second`` and what ``facts`` adds.
    Scores and values are those of `rankdistill rerank` and `rankdistill leaderboard` on the same candidates. Where all
    scores come from the store of ``scoring``, ``pairs_per_second`` is None. The file has null for a value that is
    infinite or undefined. What ``scoring`` says of prompts is for teachers, and left out. Raises `MissingExtraError`,
    before anything is scored, where a measure needs a package that is not installed.
    """
    task.check_installed()
    settings = (scoring or ScoringSettings()).without_asking()
    scores, report = score_with_report(
        model, task.candidates, task.collection, settings, description="scoring held-out queries"
    )
    result = task.evaluation(scores)
    for note in result.notes:
        say(note)
    speed = report.pairs_per_second
    metrics = {
        **result.values,
        "queries": task.n_queries,
        "parameters": model.n_parameters,
        "pairs_per_second": round(speed, 1) if np.isfinite(speed) else None,
        **(facts or {}),
    }
    run = task.candidates.with_columns(score=scores)
    write_run(run, Path(out) / "run.trec.gz", "score", tag=_tag(out))
    with atomic_path(Path(out) / "metrics.json") as path:
        path.write_text(json.dumps(finite(metrics), indent=1) + "\n")
    return metrics


def _tag(out: str | Path) -> str:
    """Name a run after its folder, in one word as TREC runs have it."""
    return "_".join(Path(out).resolve().name.split()) or "rankdistill"
