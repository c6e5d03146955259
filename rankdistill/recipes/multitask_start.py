"""What a training on several tasks starts from: a model for each task, all of one encoder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from rankdistill.errors import UsageError
from rankdistill.models import CrossEncoder, ScoreContract
from rankdistill.models.shared_encoder import share_encoder, with_new_head
from rankdistill.recipes.start import pair_head
from rankdistill.recipes.student_settings import StudentSettings, made_from_scratch
from rankdistill.recipes.students import make_student
from rankdistill.tasks import Task


def start_tasks(
    tasks: Mapping[str, Task],
    base: str | Path,
    *,
    layers: Sequence[int] = (),
    max_length: int = 128,
    seed: int = 0,
) -> dict[str, CrossEncoder]:
    """Start a model for each task from a base encoder, or from a trained model, whose head a task of the kind keeps.

    layers: see `CrossEncoder.from_base`. All models have the first one's encoder. Raises as `from_base` does.
    """
    models: dict[str, CrossEncoder] = {}
    for name, task in tasks.items():
        scored = task.collection.scored_pairs
        head: dict[str, Any] = pair_head(scored) if scored else {}
        models[name] = CrossEncoder.from_base(
            base, layers=list(layers) or None, max_length=max_length, seed=seed, **head
        )
        share_encoder(models)  # at once, so that one encoder is in memory
    return models


def check_no_layers(student: str, layers: Sequence[int]) -> None:
    """Raise `UsageError` where layers are chosen of a student that is made from scratch."""
    if layers:
        raise UsageError(
            f"{student} is made from scratch and has no layers of a base: got layers {list(layers)}; leave it out"
        )


def start_students(
    tasks: Mapping[str, Task],
    student: str,
    settings: StudentSettings | None = None,
    *,
    base: str | Path,
    layers: Sequence[int] = (),
    max_length: int = 128,
    seed: int = 0,
) -> dict[str, CrossEncoder]:
    """Start a student for each task, all of one encoder: made from scratch, see `make_student`, or of a base.

    student: such a student's name, or a folder or hub id, see `start_tasks`. base: of a student's tokens and embeddings
    where the settings name none. A student of words knows those of all tasks. The same seed gives the same weights.
    Raises `UsageError` for layers or settings that are not for the student.
    """
    settings = settings or StudentSettings()
    if not made_from_scratch(student, settings):
        return start_tasks(tasks, student, layers=layers, max_length=max_length, seed=seed)
    check_no_layers(student, layers)
    (first_name, first), *others = tasks.items()
    model = make_student(
        student,
        first.collection,
        first.candidates,
        settings,
        base=base,
        max_length=max_length,
        seed=seed,
        more=[(task.collection, task.candidates) for _, task in others],
    )
    models = {first_name: model}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name, task in others:
            scored = task.collection.scored_pairs
            contract = ScoreContract.for_pairs(scored) if scored else ScoreContract.for_logits(1)
            labels, n_texts = (scored.classes, scored.n_texts) if scored else ((), 2)
            models[name] = with_new_head(model, contract, labels, n_texts)
    return models
