"""Teachers, models and runs mixed: their names, and their scores of a task's candidates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from rankdistill.data import Candidates, Collection, read_run
from rankdistill.data.parts import is_parts
from rankdistill.errors import DataError, UsageError
from rankdistill.models import CrossEncoder, ScoreContract, relevant_second, resolve_base, with_two_logits
from rankdistill.models.load import checked_config
from rankdistill.scoring.score import score
from rankdistill.scoring.settings import ScoringSettings

RUN_SUFFIXES = (".trec", ".run", ".txt", ".tsv", ".gz")
Teacher = str | Path | CrossEncoder


def name_teachers(teachers: Sequence[str | Path]) -> dict[str, Teacher]:
    """Name each teacher by its place: ``t1``, ``t2``, … -> the model or run given; `DataError` for a missing run."""
    if not teachers:
        raise UsageError("no teachers given, expected at least one model folder, hub id or TREC run file")
    for teacher in teachers:
        if Path(teacher).suffix in RUN_SUFFIXES and not Path(teacher).is_file():
            raise DataError(f"there is no run file {teacher}, which is given as a teacher")
    return {f"t{place}": teacher for place, teacher in enumerate(teachers, start=1)}


def models_among(teachers: Mapping[str, Teacher]) -> list[Teacher]:
    """The teachers that are no runs."""
    return [teacher for teacher in teachers.values() if not is_run(teacher)]


def check_teachers(teachers: Mapping[str, Teacher], relevant_label: str | None = None) -> None:
    """Raise, before any work, where a folder among the teachers is no model that gives one score.

    relevant_label: see `ScoringSettings`. Weights are not read. Raises as `CrossEncoder.from_pretrained` does.
    """
    for model in models_among(teachers):
        if not isinstance(model, CrossEncoder):
            folder = resolve_base(model)
            ScoreContract.of_config(checked_config(folder), relevant_label, folder)


def teacher_beside(
    teachers: Mapping[str, Teacher], student: CrossEncoder, relevant_label: str | None = None
) -> CrossEncoder:
    """Load the one model among the teachers, with two logits where the student has two, the second the relevant one.

    relevant_label: see `ScoringSettings`.
    """
    [model] = models_among(teachers)
    if not isinstance(model, CrossEncoder):
        model = CrossEncoder.from_pretrained(model, relevant_label=relevant_label)
    model = relevant_second(model.with_relevant(relevant_label))
    return with_two_logits(model) if student.contract.n_logits == 2 else model


def is_run(teacher: Teacher) -> bool:
    """Whether a teacher is a run, one file or in parts, and no model."""
    return not isinstance(teacher, CrossEncoder) and (Path(teacher).is_file() or is_parts(teacher))


def add_teachers(
    candidates: Candidates,
    collection: Collection,
    teachers: Mapping[str, Teacher],
    scoring: ScoringSettings | None = None,
    *,
    store: str | Path | None = None,
) -> Candidates:
    """Add one column of scores per teacher: read from its run file, or computed by its model.

    scoring: of the models. store: folder of the resumable score stores, instead of that of ``scoring``. A run that
    lacks a candidate leaves NaN there, for the ensemble's policy to decide. Raises `DataError` for a run that has none
    of the candidates.
    """
    scoring = scoring or ScoringSettings()
    if store is not None:
        scoring = replace(scoring, store=Path(store))
    columns = {}
    for name, teacher in teachers.items():
        if isinstance(teacher, CrossEncoder) or not is_run(teacher):
            columns[name] = score(teacher, candidates, collection, scoring, description=f"scoring by {name}")
            continue
        columns[name] = candidates.join(read_run(teacher, column=name), name)[name]
        if len(candidates) and np.isnan(columns[name]).all():
            raise DataError(f"{teacher} scores none of the candidates: is it a run over other queries or documents?")
    return candidates.with_columns(columns)
