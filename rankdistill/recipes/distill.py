"""Distil an ensemble of teachers, put in order by the labels, into a student. Source: PILE §3."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rankdistill.data import Candidates, Collection
from rankdistill.ensembling import METHODS, EnsembleReport, ensemble
from rankdistill.ensembling.ensemble import MethodName
from rankdistill.ensembling.missing import POLICIES, Policy
from rankdistill.ensembling.normalize import NORMALIZATIONS, SCOPES, Normalization, Scope
from rankdistill.errors import UnknownNameError, UsageError
from rankdistill.models import CrossEncoder
from rankdistill.recipes.labels import Unjudged, with_labels
from rankdistill.recipes.papers import ENSEMBLED
from rankdistill.recipes.teachers import add_teachers, check_teachers, name_teachers, teacher_beside
from rankdistill.tasks import Task
from rankdistill.training import Objective, TrainingSettings, fit
from rankdistill.training.distributed import first_process_first, join_processes


@dataclass(frozen=True)
class EnsembleSettings:
    """How teachers become one target; see `rankdistill.ensembling.ensemble`."""

    method: MethodName = "pile"
    """How teachers are ensembled."""
    rate: float = 0.9
    """PILE's update rate λ."""
    normalize: Normalization = "none"
    """Bring teachers to one scale first: center keeps their own, at mean 0."""
    normalize_over: Scope = "query"
    """Over each query's candidates by themselves, or all candidates as one list."""
    missing: Policy = "error"
    """What to do where a teacher lacks a score."""

    def __post_init__(self) -> None:
        for kind, name, valid in (
            ("ensemble method", self.method, METHODS),
            ("normalization", self.normalize, NORMALIZATIONS),
            ("normalization scope", self.normalize_over, SCOPES),
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
    target, report = ensemble(
        scored,
        list(named),
        method=ensembling.method,
        normalize=ensembling.normalize,
        normalize_over=ensembling.normalize_over,
        missing=ensembling.missing,
        rate=ensembling.rate,
        seed=settings.seed if settings else 0,
    )
    fit(student, target, collection, parsed, settings, dev=dev, out=out, teacher=beside)
    return student, report


def objective_of(written: str, method: str) -> Objective:
    """Read an objective in which ``{target}`` stands for the column of the ensemble."""
    return Objective.parse(written.replace("{target}", method))
