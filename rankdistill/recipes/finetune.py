"""Fine-tune a cross-encoder, a teacher or a baseline, on relevance labels."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rankdistill.data import Candidates, Collection
from rankdistill.errors import UsageError
from rankdistill.evaluation.conventions import UnjudgedChoice
from rankdistill.models import CrossEncoder
from rankdistill.recipes.labels import with_labels
from rankdistill.tasks import Task
from rankdistill.training import TrainingSettings, fit


def finetune(
    collection: Collection,
    candidates: Candidates,
    model: CrossEncoder,
    settings: TrainingSettings | None = None,
    *,
    objective: str = "hinge(label)",
    unjudged: UnjudgedChoice = "auto",
    share: float = 1.0,
    sample_seed: int = 0,
    dev: Task | None = None,
    out: str | Path | None = None,
) -> CrossEncoder:
    """Train ``model`` on the labels of the collection's qrels; return it.

    share, sample_seed: train on a random share of the queries, which is how PILE makes teachers that differ (its T2 and
    T3 see 80 % each). objective, dev, out: see `fit`. Source: PILE §4.2; PD-BERT eq. 1 for the hinge loss.
    """
    labelled = with_labels(candidates, collection, unjudged)
    return fit(model, sample_queries(labelled, share, sample_seed), collection, objective, settings, dev=dev, out=out)


def sample_queries(candidates: Candidates, share: float, seed: int) -> Candidates:
    """Keep a random share of the queries, in their order; the same seed keeps the same ones."""
    if not 0 < share <= 1:
        raise UsageError(f"share must be above 0 and at most 1, got {share}")
    n_kept = max(1, round(share * candidates.n_queries))
    kept = np.random.default_rng(seed).permutation(candidates.n_queries)[:n_kept]
    return candidates.take_queries(np.sort(kept)) if share < 1 else candidates
