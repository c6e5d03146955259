"""Fine-tune a cross-encoder, a teacher or a baseline, on relevance labels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from rankdistill.data import Candidates, Collection
from rankdistill.errors import DataError, UsageError
from rankdistill.evaluation.conventions import Conventions
from rankdistill.models import CrossEncoder
from rankdistill.recipes.labels import with_labels
from rankdistill.recipes.student_training import say_of_rate, suited
from rankdistill.tasks import LABEL, Task
from rankdistill.training import Objective, TrainingSettings, fit


def finetune(
    collection: Collection,
    candidates: Candidates,
    model: CrossEncoder,
    settings: TrainingSettings | None = None,
    *,
    objective: Objective | str | None = None,
    conventions: Conventions | None = None,
    share: float = 1.0,
    sample_seed: int = 0,
    dev: Task | None = None,
    out: str | Path | None = None,
) -> CrossEncoder:
    """Train ``model`` on the labels of the collection's qrels; return it.

    settings: of the training (None: the task's own, see `own_settings`, and the model's, see `suited`). objective, dev,
    out: see `fit` (objective None: the hinge loss on labels, or what the task's kind has). conventions: its
    ``unjudged`` says what candidates without a judgment are. share, sample_seed: train on a random share of the
    queries, as PILE's teachers T2 and T3 do (80 % each). Source: PILE §4.2; PD-BERT eq. 1 for the
    hinge loss (docs/papers.md).
    """
    task = Task(collection, candidates, conventions=conventions or Conventions())
    return finetune_on(
        task, model, settings, objective=objective, share=share, sample_seed=sample_seed, dev=dev, out=out
    )


def finetune_on(
    task: Task,
    model: CrossEncoder,
    settings: TrainingSettings | None = None,
    *,
    objective: Objective | str | None = None,
    share: float = 1.0,
    sample_seed: int = 0,
    dev: Task | None = None,
    out: str | Path | None = None,
) -> CrossEncoder:
    """`finetune` on all candidates of a task; objective None: that of the task's kind."""
    lists = sample_queries(with_labels(task), share, sample_seed)
    objective = objective or task.objective
    objective = Objective.parse(objective) if isinstance(objective, str) else objective
    if objective.label_columns:
        check_classes(task, lists)
    settings = settings or suited(own_settings(task), model)
    say_of_rate(settings)
    return fit(model, lists, task.collection, objective, settings, dev=dev, out=out)


def own_settings(task: Task, settings: TrainingSettings | None = None) -> TrainingSettings:
    """The settings with the epochs, the learning rate and the batch that a task of scored pairs states as its own.

    Source: UEGP Table 8 for GLUE's tasks (docs/papers.md).
    """
    settings, scored = settings or TrainingSettings(), task.collection.scored_pairs
    stated = scored.training if scored else {}
    return replace(settings, **{name: type(getattr(settings, name))(value) for name, value in stated.items()})


def check_classes(task: Task, lists: Candidates) -> None:
    """Raise `DataError` where a class of the task is on none of the pairs to train on: it would never be predicted."""
    scored = task.collection.scored_pairs
    if scored is None or scored.kind != "classification":
        return
    labels = lists[LABEL]
    counts = {name: int((labels == place).sum()) for place, name in enumerate(scored.classes)}
    if unseen := [name for name, count in counts.items() if not count]:
        found = ", ".join(f"{name} {count:,}" for name, count in counts.items() if count) or "none"
        raise DataError(
            f"no pair of {task.name} to train on has the class {unseen[0]!r} (labels: {found}), so that a model never "
            "learns it: train on pairs that have it, or leave it out of the task's classes"
        )


def sample_queries(candidates: Candidates, share: float, seed: int) -> Candidates:
    """Keep a random share of the queries, in their order; the same seed keeps the same ones."""
    if not 0 < share <= 1:
        raise UsageError(f"share must be above 0 and at most 1, got {share}")
    n_kept = max(1, round(share * candidates.n_queries))
    kept = np.random.default_rng(seed).permutation(candidates.n_queries)[:n_kept]
    return candidates.take_queries(np.sort(kept)) if share < 1 else candidates
