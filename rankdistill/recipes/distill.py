"""Distil an ensemble of teachers, put in order by the labels, into a student. Source: PILE §3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rankdistill.data import Candidates, Collection, read_run
from rankdistill.data.parts import is_parts
from rankdistill.ensembling import METHODS, EnsembleReport, ensemble
from rankdistill.ensembling.ensemble import MethodName
from rankdistill.ensembling.missing import POLICIES, Policy
from rankdistill.ensembling.normalize import NORMALIZATIONS, Normalization
from rankdistill.errors import DataError, UnknownNameError, UsageError
from rankdistill.models import CrossEncoder, with_two_logits
from rankdistill.recipes.labels import Unjudged, with_labels
from rankdistill.recipes.ranking import ENSEMBLED
from rankdistill.scoring import score
from rankdistill.training import DevSet, Objective, TrainingSettings, fit
from rankdistill.training.distributed import first_process_first, join_processes

RUN_SUFFIXES = (".trec", ".run", ".txt", ".tsv", ".gz")


@dataclass(frozen=True)
class EnsembleSettings:
    """How teachers become one target; see `rankdistill.ensembling.ensemble`."""

    method: MethodName = "pile"
    """How teachers are ensembled."""
    rate: float = 0.9
    """PILE's update rate λ."""
    normalize: Normalization = "none"
    """Bring teachers to one scale first, query by query."""
    missing: Policy = "error"
    """What to do where a teacher lacks a score."""

    def __post_init__(self) -> None:
        for kind, name, valid in (
            ("ensemble method", self.method, METHODS),
            ("normalization", self.normalize, NORMALIZATIONS),
            ("policy for missing scores", self.missing, POLICIES),
        ):
            if name not in valid:
                raise UnknownNameError(kind, name, valid)
        if not 0 < self.rate <= 1:
            raise UsageError(f"PILE's rate must lie in (0, 1], got {self.rate}")


def distill(
    collection: Collection,
    candidates: Candidates,
    teachers: Sequence[str | Path] | Mapping[str, str | Path | CrossEncoder],
    student: CrossEncoder,
    settings: TrainingSettings | None = None,
    *,
    ensembling: EnsembleSettings | None = None,
    objective: str = ENSEMBLED,
    unjudged: Unjudged = "irrelevant",
    dev: DevSet | None = None,
    out: str | Path | None = None,
    dtype: str | None = "auto",
) -> tuple[CrossEncoder, EnsembleReport | None]:
    """Score the candidates by every teacher, ensemble the scores under the labels, train the student on both.

    teachers: folders or hub ids of cross-encoders, and TREC run files, mixed as you like; or name -> such. objective:
    see `Objective`; ``{target}`` stands for the ensemble's column, ``teacher`` for the one model among the teachers,
    which then runs beside the student and lends its logits and insides. out: see `fit`; teachers' scores are kept in
    its ``scores/``, so that a killed run goes on from there. Returns the student, and the ensemble's report where the
    objective reads an ensemble. Raises `UsageError` where ``teacher`` is not one model.
    """
    ensembling = ensembling or EnsembleSettings()
    labelled = with_labels(candidates, collection, unjudged)
    named = teachers if isinstance(teachers, Mapping) else name_teachers(teachers)
    parsed = Objective.parse(objective.format(target=ensembling.method))
    beside = teacher_beside(named, student) if parsed.needs_teacher else None
    if not {ensembling.method, *named} & set(parsed.columns):
        if idle := [name for name in named if not (beside and len(named) == 1)]:
            raise UsageError(
                f"the objective {parsed} learns nothing from {', '.join(idle)}: leave out what is not used"
            )
        fit(student, labelled, collection, parsed, settings, dev=dev, out=out, teacher=beside)
        return student, None
    join_processes()
    with first_process_first():  # a store is for one process at a time, and the others find all in it
        scored = add_teachers(labelled, collection, named, store=Path(out) / "scores" if out else None, dtype=dtype)
    target, report = ensemble(
        scored,
        list(named),
        method=ensembling.method,
        normalize=ensembling.normalize,
        missing=ensembling.missing,
        rate=ensembling.rate,
        seed=settings.seed if settings else 0,
    )
    fit(student, target, collection, parsed, settings, dev=dev, out=out, teacher=beside)
    return student, report


def teacher_beside(teachers: Mapping[str, str | Path | CrossEncoder], student: CrossEncoder) -> CrossEncoder:
    """Load the one model among the teachers, with two logits where the student has; `UsageError` unless it is one."""
    models = [t for t in teachers.values() if isinstance(t, CrossEncoder) or not is_run(t)]
    if len(models) != 1:
        raise UsageError(
            f"an objective of `teacher` needs one model that runs beside the student, got {len(models)} models among "
            f"{len(teachers)} teachers: name one, or take an objective of the ensemble's scores"
        )
    model = models[0] if isinstance(models[0], CrossEncoder) else CrossEncoder.from_pretrained(models[0])
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
