"""What several tasks must have before anything is trained on them: names, labels, and pairs that are held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rankdistill.data import Candidates, Collection
from rankdistill.data.candidates import positions_of
from rankdistill.errors import DataError, UnknownNameError, UsageError
from rankdistill.recipes.finetune import check_classes
from rankdistill.recipes.multitask_settings import MultitaskSettings
from rankdistill.tasks import LABEL, Task
from rankdistill.tasks.names import check_task_names
from rankdistill.training import TrainingSettings
from rankdistill.training.loop import check_model_folders

FEWEST = 2
"""Labelled pairs, or queries, that a task needs to train on, and to measure on."""


def check_tasks(
    tasks: Mapping[str, Task],
    settings: MultitaskSettings,
    training: TrainingSettings,
    unlabelled: Mapping[str, Sequence[Collection]],
) -> None:
    """Raise, before any work, where tasks cannot be learned together.

    unlabelled: task -> more texts of it. `UsageError` for fewer than two tasks, for names that collide with each other
    or with what a training writes, and for unlabelled texts that no teacher would label; `UnknownNameError` for a name
    in ``joint`` or in ``unlabelled`` that is no task, `DataError` with the task's name for one without enough labels to
    train or to measure on.
    """
    if len(tasks) < 2:
        raise UsageError(
            f"got {len(tasks)} task, expected two or more: one task alone is for rankdistill finetune and distill"
        )
    check_task_names(list(tasks))
    check_model_folders([f"{name}/model" for name in tasks])
    for name in settings.joint:
        if name not in tasks:
            raise UnknownNameError("task", name, tasks)
    if settings.tune == "none" and settings.joint and set(settings.joint) != set(tasks):
        raise UsageError("tasks that are not in joint are only fine-tuned, which tune none leaves out")
    _check_unlabelled(tasks, settings, unlabelled)
    for name, task in tasks.items():
        try:
            task.check_measurable()
            training_part, held_out = task.training, task.held_out
            for purpose, part in (("train on", training_part), ("measure on", held_out)):
                _check_enough(part, purpose)
            _check_apart(training_part, held_out)
            if task.kind == "classification":
                check_classes(training_part, training_part.labelled()[0])
            if training.eval_steps:
                _check_enough(task.required(task.dev_split), "choose weights on")
        except DataError as error:
            raise DataError(f"task {name}: {error}") from error


def _check_unlabelled(
    tasks: Mapping[str, Task], settings: MultitaskSettings, unlabelled: Mapping[str, Sequence[Collection]]
) -> None:
    """Raise where unlabelled texts are of no task, or of one whose student learns nothing from a teacher."""
    for name, sources in unlabelled.items():
        if name not in tasks:
            raise UnknownNameError("task with unlabelled texts", name, tasks)
        taught = settings.single != "none" or settings.tune == "teacher" or name in settings.joint_of(tasks)
        if sources and not taught:
            raise UsageError(
                f"unlabelled texts of {name} would not be read: it is not in joint, single is none and tune is "
                f"{settings.tune}, so that no teacher labels them. Put {name} in joint, compare it with single own or "
                "shared, take tune teacher, or leave its unlabelled texts out"
            )


def _check_enough(part: Task, purpose: str) -> None:
    """Raise `DataError` where a part of a task has fewer labels than `FEWEST`, or where all are the same number."""
    lists = part.labelled()[0]
    known = ~np.isnan(lists[LABEL])
    unit = "queries with judgments" if part.kind == "ranking" else "pairs with a label"
    n = _queries_of(lists, known)
    if n < FEWEST:
        raise DataError(
            f"{n} {unit} to {purpose}, expected at least {FEWEST}: give the task more labels, or leave it out"
        )
    if part.kind != "classification" and len(np.unique(lists[LABEL][known])) < 2:
        raise DataError(
            f"all its labels to {purpose} are {lists[LABEL][known][0]:g}, which teaches and measures nothing"
        )


def _check_apart(training_part: Task, held_out: Task) -> None:
    """Raise `DataError` where a task is measured on what it is trained on, as one is that has a single split."""
    both = int((positions_of(held_out.candidates.query_ids, training_part.candidates.query_ids) >= 0).sum())
    if both:
        unit = "queries" if held_out.kind == "ranking" else "pairs"
        raise DataError(
            f"{both:,} of the {held_out.n_queries:,} {unit} to measure on are among those to train on: give the task a "
            "split of its own to measure on, or name one by --test-split"
        )


def _queries_of(lists: Candidates, rows: Any) -> int:
    return len(np.unique(lists.query_of_row[rows]))
