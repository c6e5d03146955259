"""Teachers of a classification: every teacher's logits of every pair, and their mean, the target."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from rankdistill.arrays import F32
from rankdistill.data import Candidates
from rankdistill.errors import UsageError
from rankdistill.progress import say
from rankdistill.recipes.teachers import Teacher, check_asking, is_run
from rankdistill.scoring.among import settings_among
from rankdistill.scoring.fits import as_classes
from rankdistill.scoring.score import load_model, score_logits
from rankdistill.scoring.settings import ScoringSettings
from rankdistill.tasks import Task


def add_logits(
    lists: Candidates,
    task: Task,
    teachers: Mapping[str, Teacher],
    target: str,
    scoring: ScoringSettings,
    store: str | Path | None = None,
) -> Candidates:
    """Add each teacher's logits as the columns ``NAME.0``, ``NAME.1`` ..., and their means under the name ``target``.

    The mean of logits is the geometric mean of the distributions; they are in the order of the task's classes, see
    `as_classes`. store: folder that keeps the logits. Raises `UsageError` for a run, which holds labels and no logits,
    and as `check_asking`; `DataError` for a teacher of other classes.
    """
    check_asking(teachers, scoring)
    scored = task.collection.scored_pairs
    assert scored is not None
    columns: dict[str, F32] = {}
    means = np.zeros((len(lists), len(scored.classes)), np.float64)
    for name, teacher in teachers.items():
        if is_run(teacher):
            raise UsageError(f"{teacher} is a run of labels, and a classification is distilled from models' logits")
        what = str(teacher) if isinstance(teacher, str | Path) else f"the teacher {name}"
        model = load_model(teacher, settings_among(teacher, scoring), as_classifier=True)
        model = as_classes(model, scored.classes, task.name, what)
        kept = (replace(scoring, store=Path(store)) if store is not None else scoring).without_asking()
        logits, report = score_logits(model, lists, task.collection, kept, description=f"scoring by {name}")
        say(f"scoring by {name}: {report}")
        columns |= {f"{name}.{place}": logits[:, place] for place in range(logits.shape[1])}
        means += logits / len(teachers)
    columns |= {f"{target}.{place}": means[:, place].astype(np.float32) for place in range(means.shape[1])}
    return lists.with_columns(columns)


def logit_names(task: Task, names: tuple[str, ...]) -> tuple[str, ...]:
    """The columns that an objective may read of these names: of a classification also those of its logits."""
    scored = task.collection.scored_pairs
    places = range(len(scored.classes) if scored else 0)
    return (*names, *(f"{name}.{place}" for name in names for place in places))
