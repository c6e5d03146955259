"""Teachers, models and runs mixed: their names, whether they suit an objective, and their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from rankdistill.data import Candidates, Collection, read_run
from rankdistill.data.parts import is_parts
from rankdistill.errors import DataError, UsageError
from rankdistill.models import CrossEncoder, with_two_logits
from rankdistill.scoring import score
from rankdistill.training import Objective

RUN_SUFFIXES = (".trec", ".run", ".txt", ".tsv", ".gz")


def check_teachers(teachers: Mapping[str, str | Path | CrossEncoder], objective: Objective, method: str) -> None:
    """Raise `UsageError` where the objective cannot learn from these teachers, or learns nothing from one.

    method: of the ensemble, and the name of its column.
    """
    n_models = len(models_among(teachers))
    if objective.needs_teacher and n_models != 1:
        raise UsageError(
            f"an objective of `teacher` needs one model that runs beside the student, got {n_models} models among "
            f"{len(teachers)} teachers: name one, or take an objective of the ensemble's scores"
        )
    read = set(objective.columns)
    if not {method, *teachers} & read and not (objective.needs_teacher and len(teachers) == 1):
        raise UsageError(
            f"the objective {objective} learns nothing from {', '.join(teachers)}: leave out what is not used"
        )
    if method == "single" and method in read and len(teachers) > 1:
        raise UsageError(f"method 'single' takes one teacher, got {len(teachers)}; use 'mean' or 'pile' for several")


def models_among(teachers: Mapping[str, str | Path | CrossEncoder]) -> list[str | Path | CrossEncoder]:
    """The teachers that are no runs."""
    return [teacher for teacher in teachers.values() if isinstance(teacher, CrossEncoder) or not is_run(teacher)]


def teacher_beside(teachers: Mapping[str, str | Path | CrossEncoder], student: CrossEncoder) -> CrossEncoder:
    """Load the one model among the teachers, with two logits where the student has."""
    [model] = models_among(teachers)
    model = model if isinstance(model, CrossEncoder) else CrossEncoder.from_pretrained(model)
    return with_two_logits(model) if student.contract.n_logits == 2 else model


def is_run(teacher: str | Path) -> bool:
    """Whether a teacher is a run, one file or in parts, and no model."""
    return Path(teacher).is_file() or is_parts(teacher)


def name_teachers(teachers: Sequence[str | Path]) -> dict[str, str | Path]:
    """Name each teacher by its place: ``t1``, ``t2``, … -> the model or run given; `DataError` for a missing run."""
    if not teachers:
        raise UsageError("no teachers given, expected at least one model folder, hub id or TREC run file")
    for teacher in teachers:
        if Path(teacher).suffix in RUN_SUFFIXES and not Path(teacher).is_file():
            raise DataError(f"there is no run file {teacher}, which is given as a teacher")
    return {f"t{place}": teacher for place, teacher in enumerate(teachers, start=1)}


def add_teachers(
    candidates: Candidates,
    collection: Collection,
    teachers: Mapping[str, str | Path | CrossEncoder],
    *,
    store: str | Path | None = None,
    dtype: str | None = "auto",
) -> Candidates:
    """Add one column of scores per teacher: read from its run file, or computed by its model.

    A run that lacks a candidate leaves NaN there, for the ensemble's policy to decide; one that has none of them is a
    `DataError`. store: folder of the resumable score stores. dtype: of models' scoring.
    """
    columns = {}
    for name, teacher in teachers.items():
        if isinstance(teacher, CrossEncoder) or not is_run(teacher):
            columns[name] = score(
                teacher, candidates, collection, dtype=dtype, store=store, description=f"scoring by {name}"
            )
            continue
        columns[name] = candidates.join(read_run(teacher, column=name), name)[name]
        if len(candidates) and np.isnan(columns[name]).all():
            raise DataError(f"{teacher} scores none of the candidates: is it a run over other queries or documents?")
    return candidates.with_columns(columns)
