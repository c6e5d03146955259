"""Distil an ensemble of teachers, put in order by the labels, into a student. Source: PILE §3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rankdistill.data import Candidates, Collection
from rankdistill.ensembling.ensemble import EnsembleReport, ensemble
from rankdistill.ensembling.settings import EnsembleSettings
from rankdistill.evaluation.conventions import UnjudgedChoice
from rankdistill.models import CrossEncoder
from rankdistill.recipes.labels import with_labels
from rankdistill.recipes.papers import ENSEMBLED
from rankdistill.recipes.teachers import add_teachers, check_teachers, name_teachers, teacher_beside
from rankdistill.tasks import Task
from rankdistill.training import Objective, TrainingSettings, fit
from rankdistill.training.distributed import first_process_first, join_processes


def distill(
    collection: Collection,
    candidates: Candidates,
    teachers: Sequence[str | Path] | Mapping[str, str | Path | CrossEncoder],
    student: CrossEncoder,
    settings: TrainingSettings | None = None,
    *,
    ensembling: EnsembleSettings | None = None,
    objective: str = ENSEMBLED,
    unjudged: UnjudgedChoice = "auto",
    dev: Task | None = None,
    out: str | Path | None = None,
    dtype: str | None = "auto",
) -> tuple[CrossEncoder, EnsembleReport | None]:
    """Score the candidates by every teacher, ensemble the scores under the labels, train the student on both.

    teachers: folders or hub ids of cross-encoders, and TREC run files, mixed as you like; or name -> such. objective:
    see `Objective`; ``{target}`` stands for the ensemble's column, ``teacher`` for the one model among the teachers,
    which then runs beside the student and lends its logits and insides. out: see `fit`; teachers' scores are kept in
    its ``scores/``, so that a killed run goes on from there. Returns the student, and the ensemble's report where the
    objective reads an ensemble. Raises `UsageError` where the teachers do not suit, see `check_teachers`.
    """
    ensembling = ensembling or EnsembleSettings()
    labelled = with_labels(candidates, collection, unjudged)
    named = teachers if isinstance(teachers, Mapping) else name_teachers(teachers)
    parsed = objective_of(objective, ensembling.method)
    check_teachers(named, parsed, ensembling.method)
    beside = teacher_beside(named, student) if parsed.needs_teacher else None
    if not {ensembling.method, *named} & set(parsed.columns):
        fit(student, labelled, collection, parsed, settings, dev=dev, out=out, teacher=beside)
        return student, None
    join_processes()
    with first_process_first():  # a store is for one process at a time, and the others find all in it
        scored = add_teachers(labelled, collection, named, store=Path(out) / "scores" if out else None, dtype=dtype)
    target, report = ensemble(scored, list(named), ensembling, seed=settings.seed if settings else 0)
    fit(student, target, collection, parsed, settings, dev=dev, out=out, teacher=beside)
    return student, report


def objective_of(written: str, method: str) -> Objective:
    """Read an objective in which ``{target}`` stands for the column of the ensemble."""
    return Objective.parse(written.replace("{target}", method))
