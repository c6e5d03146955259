"""What a recipe does with a collection's splits: train on one, choose on another, measure on a third."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rankdistill.data import Candidates, Collection, write_run
from rankdistill.errors import DataError
from rankdistill.evaluation import DEFAULT_MEASURES, evaluate
from rankdistill.evaluation.conventions import Conventions, UnjudgedChoice
from rankdistill.files.atomic import atomic_path
from rankdistill.models import CrossEncoder
from rankdistill.scoring import score_with_report


def required_split(candidates: Candidates, collection: Collection, split: str) -> Candidates:
    """The candidates of a split, raising `DataError` where the split has none of the queries."""
    kept = collection.in_split(candidates, split)
    if not kept.n_queries:
        raise DataError(
            f"none of the {candidates.n_queries:,} queries of the run is in split {split!r} of {collection.name}"
        )
    return kept


def measure_model(
    model: CrossEncoder,
    candidates: Candidates,
    collection: Collection,
    out: str | Path,
    *,
    measures: Sequence[str] = DEFAULT_MEASURES,
    unjudged: UnjudgedChoice = "auto",
    dtype: str | None = "auto",
    facts: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Score candidates, write ``run.trec.gz`` and ``metrics.json`` into ``out``, and return the metrics.

    Beside the measures they hold ``queries``, ``parameters`` (a count), ``pairs_per_second`` and what ``facts`` adds.
    """
    scores, report = score_with_report(
        model, candidates, collection, dtype=dtype, description="scoring held-out queries"
    )
    run = candidates.with_columns(score=scores)
    conventions = Conventions(unjudged).under(collection)
    values = evaluate(collection.judgments_of(candidates), run, list(measures), "score", conventions)
    speed = report.pairs_per_second
    metrics = {
        **values,
        "queries": candidates.n_queries,
        "parameters": model.n_parameters,
        "pairs_per_second": round(speed, 1) if np.isfinite(speed) else None,
        **(facts or {}),
    }
    write_run(run, Path(out) / "run.trec.gz", "score", tag=Path(out).name)
    with atomic_path(Path(out) / "metrics.json") as path:
        path.write_text(json.dumps(metrics, indent=1) + "\n")
    return metrics
