"""What a run says of a task's candidates, in their order."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rankdistill.arrays import F32
from rankdistill.data.candidates import Candidates
from rankdistill.data.trec.read import read_run
from rankdistill.errors import DataError
from rankdistill.tasks.task import Task


def predictions(task: Task, run: Candidates | str | Path) -> F32:
    """A run's score of every candidate of a task, or its label of every pair, float32 (N,).

    Raises `DataError` where the run lacks one.
    """
    read = run if isinstance(run, Candidates) else read_run(run, collection=task.collection)
    column = read.score_column()
    given = task.candidates.join(read, column)[column]
    lacking = np.flatnonzero(np.isnan(given))
    if len(lacking):
        name, unit = (
            "the run" if isinstance(run, Candidates) else run,
            "candidates" if task.kind == "ranking" else "pairs",
        )
        raise DataError(
            f"{name} lacks {len(lacking):,} of the {len(given):,} {unit} of {task.name}, the first is "
            f"{task.candidates.pair_at(int(lacking[0]))}: was it made of other {unit}, or of another split?"
        )
    return given
