"""How a student is trained where nobody says: by the optimizer, rate and objective that suit its network."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from rankdistill.models import CrossEncoder
from rankdistill.progress import say
from rankdistill.recipes.student_settings import STUDENTS, student_kind
from rankdistill.tasks import Task
from rankdistill.training import TrainingSettings

OPTIMIZING = ("optimizer", "learning_rate", "warmup_ratio", "lr_scheduler_type")
"""Settings that go together: a learning rate of one optimizer means nothing to another."""
LEAST_OF_ADADELTA = 0.01
"""AdaDelta scales its steps itself; a learning rate far below 1 is one of another optimizer."""
LOGITS = "logit_mse(target)"
"""Objective by which a student is distilled from a classifier. Source: LSTM-KD eq. 3.5 (docs/papers.md)."""


def trained_kind(student: str | Path | CrossEncoder) -> str | None:
    """Which of `STUDENTS` a model is, by its network, or a name, or the folder of a trained one; None for others.

    A plain transformer is a model like any other. Raises what `student_kind` raises.
    """
    if not isinstance(student, str | Path):
        return _kind_of_type(student.model.config.model_type)
    config = Path(student) / "config.json"
    if not config.is_file():
        return student_kind(str(student))
    try:
        stated = json.loads(config.read_text(encoding="utf-8"))
    except ValueError:  # the error that names the file is raised where the model is loaded
        return None
    return _kind_of_type(stated.get("model_type")) if isinstance(stated, dict) else None


def student_training(student: str | Path | CrossEncoder) -> dict[str, Any]:
    """Settings that suit a student, values of `TrainingSettings` by name; empty for a model that is none.

    All of `OPTIMIZING` are among them.

        settings = TrainingSettings(**student_training("bilstm") | {"epochs": 3})
    """
    kind = trained_kind(student)
    if kind is None:
        return {}
    defaults = TrainingSettings()
    return {name: getattr(defaults, name) for name in OPTIMIZING} | STUDENTS[kind].training


def suited(settings: TrainingSettings, model: CrossEncoder) -> TrainingSettings:
    """The settings with those of `student_training`, where the model is such a student."""
    return replace(settings, **student_training(model))


def say_of_rate(settings: TrainingSettings) -> None:
    """Say where AdaDelta has a learning rate that is meant for another optimizer, so that nothing would be learned."""
    if settings.optimizer == "adadelta" and settings.learning_rate < LEAST_OF_ADADELTA:
        say(f"adadelta with a learning rate of {settings.learning_rate:g} hardly moves the weights: it is made for 1.0")


def distillation_of(task: Task, student: CrossEncoder) -> str:
    """Objective of distillation: that of the task's kind, but `LOGITS` where such a student learns a classification."""
    logits = task.kind == "classification" and trained_kind(student) is not None
    return LOGITS if logits else task.distillation


def _kind_of_type(model_type: Any) -> str | None:
    return next((name for name, student in STUDENTS.items() if student.model_type == model_type), None)
