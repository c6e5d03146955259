"""Distil an ensemble of teachers, ordered by the labels, into a student. Source: PILE §3 (docs/papers.md)."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rankdistill.arrays import F32
from rankdistill.data import Candidates, Collection
from rankdistill.ensembling import METHODS, EnsembleReport, ensemble
from rankdistill.ensembling.settings import EnsembleSettings
from rankdistill.errors import DataError, UsageError
from rankdistill.evaluation.conventions import Conventions
from rankdistill.models import CrossEncoder
from rankdistill.models.card import Training, teacher_names
from rankdistill.recipes.answers import answered
from rankdistill.recipes.class_teachers import add_logits, logit_names
from rankdistill.recipes.finetune import own_settings
from rankdistill.recipes.labels import with_labels
from rankdistill.recipes.papers import ENSEMBLED
from rankdistill.recipes.stages import FirstStage, check_first, train_first
from rankdistill.recipes.student_training import distillation_of, say_of_rate, suited
from rankdistill.recipes.teachers import (
    Teacher,
    add_teachers,
    check_asking,
    encoder_beside,
    models_among,
    name_teachers,
    teacher_beside,
)
from rankdistill.scoring.settings import ScoringSettings
from rankdistill.tasks import LABEL, Task
from rankdistill.training import Objective, TrainingSettings, check_objective, fit
from rankdistill.training.by_score import PICKS
from rankdistill.training.distributed import first_process_first, join_processes
from rankdistill.training.draw import drawn_by
from rankdistill.training.fit import fitted_columns
from rankdistill.training.loop import check_outputs
from rankdistill.training.terms import TEACHER

WITHOUT_LABELS = {
    "ranking": "pointwise_mse(target) + pairwise_mse(target)",
    "classification": "kl(target)",
    "similarity": "similarity_mse(target)",
}
"""Kind of task -> an objective that reads no label, for messages."""
TARGET = "target"
"""Column of the ensemble's scores; they are also in a column named after the method."""


@dataclass(frozen=True, eq=False)
class Lesson:
    """What a student learns from: the teachers, how they become one target, and the objective.

    Raises `UsageError` where the objective cannot learn from these teachers, or learns nothing from one of them.
    """

    teachers: Mapping[str, Teacher]
    """Name, which is a column that the objective may read -> a model, its folder or hub id, or a run."""
    objective: Objective
    ensembling: EnsembleSettings = field(default_factory=EnsembleSettings)

    @classmethod
    def of(
        cls,
        teachers: Sequence[str | Path] | Mapping[str, Teacher],
        objective: Objective | str = ENSEMBLED,
        ensembling: EnsembleSettings | None = None,
    ) -> Lesson:
        """Name the teachers and parse the objective, where that is still to be done."""
        named = teachers if isinstance(teachers, Mapping) else name_teachers(teachers)
        parsed = Objective.parse(objective) if isinstance(objective, str) else objective
        return cls(named, parsed, ensembling or EnsembleSettings())

    def __post_init__(self) -> None:
        for name in (LABEL, TARGET, TEACHER):
            if name in self.teachers:
                raise UsageError(f"a teacher is named {name!r}, which means something else in objectives: rename it")
        names, read = ", ".join(self.teachers), set(self.objective.columns)
        n_models = len(models_among(self.teachers)) if self.objective.needs_teacher else 0
        if self.objective.needs_teacher and n_models != 1:
            raise UsageError(
                f"an objective of `teacher` needs one model that runs beside the student, got {n_models} models among "
                f"{len(self.teachers)} teachers: name one, or take an objective of the ensemble's scores"
            )
        if not self.reads_scores and not (self.objective.needs_teacher and len(self.teachers) == 1):
            self.objective.check_columns(self.columns)  # a mistyped name is the likelier mistake
            raise UsageError(f"the objective {self.objective} learns nothing from {names}: leave out what is not used")
        method = self.ensembling.method
        if method == "single" and {method, TARGET} & read and len(self.teachers) > 1:
            raise UsageError(
                f"method 'single' takes one teacher, got {len(self.teachers)}; use 'mean' or 'pile' for several"
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that the objective may read, beside those of the candidates."""
        return (LABEL, TARGET, self.ensembling.method, *self.teachers)

    @property
    def reads_scores(self) -> bool:
        """Whether the objective reads scores of the teachers or of their ensemble."""
        return not set(self.columns[1:]).isdisjoint(self.objective.columns)


def distill(
    collection: Collection,
    candidates: Candidates,
    teachers: Sequence[str | Path] | Mapping[str, Teacher],
    student: CrossEncoder,
    settings: TrainingSettings | None = None,
    *,
    ensembling: EnsembleSettings | None = None,
    objective: Objective | str | None = None,
    conventions: Conventions | None = None,
    scoring: ScoringSettings | None = None,
    first: FirstStage | None = None,
    dev: Task | None = None,
    out: str | Path | None = None,
) -> tuple[CrossEncoder, EnsembleReport | None]:
    """Score the candidates by every teacher, ensemble the scores under the labels, train the student on both.

    collection: a ranking, scored pairs, or pairs without labels, which are a task of what the first model among the
    teachers answers, so that the student has its head (see `answered`). Labels are needed where the objective, PILE,
    ``first`` or ``settings.draw`` reads them. teachers: folders or hub ids of cross-encoders, and TREC run files, in
    any mixture; or name -> such. objective: see `Objective`; ``target`` is the ensemble's score, ``label`` the
    relevance, a teacher's name its score, and ``teacher`` the one model among the teachers, which then runs beside the
    student and lends its logits and insides (None: see `distillation_of`). settings: of the training (None: the task's
    own, see `own_settings`, and the student's, see `suited`). ensembling: None is PILE for a ranking, and the mean for
    pairs. conventions: its ``unjudged`` says what candidates without a judgment are. scoring: of the teachers. first: a
    training on labels that comes before. out: see `fit`; teachers' scores are kept in its ``scores/`` unless
    ``scoring.store`` names another folder, and the first stage in its ``first/``, so that a killed run resumes. Returns
    the student, and the ensemble's report where the objective reads the teachers' scores. Raises `UsageError` where the
    teachers do not suit, see `Lesson` and `check_asking`, `DataError` where labels are needed and there are none.
    """
    named = teachers if isinstance(teachers, Mapping) else name_teachers(teachers)
    task = Task(answered(collection, named), candidates, conventions=conventions or Conventions())
    if ensembling is None and task.kind != "ranking":
        ensembling = EnsembleSettings(method="mean")  # PILE corrects the order of lists
    lesson = Lesson.of(named, objective or distillation_of(task, student), ensembling)
    return distill_on(task, lesson, student, settings, scoring=scoring, first=first, dev=dev, out=out)


def distill_on(
    task: Task,
    lesson: Lesson,
    student: CrossEncoder,
    settings: TrainingSettings | None = None,
    *,
    scoring: ScoringSettings | None = None,
    first: FirstStage | None = None,
    dev: Task | None = None,
    out: str | Path | None = None,
) -> tuple[CrossEncoder, EnsembleReport | None]:
    """`distill` on all candidates of a task."""
    check_asking(lesson.teachers, scoring or ScoringSettings(), gives_scores=not lesson.objective.reads_relations_alone)
    check_outputs(out)
    settings, first = settings or suited(own_settings(task), student), first or FirstStage()
    say_of_rate(settings)
    lists, report, facts = _lists(task, lesson, first, settings), None, {}
    beside = None
    if lesson.objective.reads_relations_alone:
        beside = encoder_beside(lesson.teachers, student)
    elif lesson.objective.needs_teacher:
        beside = teacher_beside(lesson.teachers, student, scoring, gives_logits=lesson.objective.reads_teacher_logits)
    # before teachers score, which takes hours
    check_objective(lesson.objective, student, beside, logit_names(task, (*lists.columns, *lesson.columns)))
    check_first(first, student)
    drawn_by(
        settings,
        fitted_columns(lesson.objective),
        (*lists.columns, *(lesson.columns if lesson.reads_scores else ())),
    )
    if lesson.reads_scores:
        scoring = scoring or ScoringSettings()
        store = scoring.store or (Path(out) / "scores" if out else None)
        join_processes()
        lists, report = with_targets(lists, task, lesson, scoring, store, seed=settings.seed)
        facts = _facts(lists, lesson)
    train_first(student, lists, task.collection, first, settings, dev=dev, out=out)
    card = Training(teachers=teacher_names(list(lesson.teachers.values())), ensembled=_ensembled(lesson))
    fit(
        student,
        lists,
        task.collection,
        lesson.objective,
        settings,
        dev=dev,
        out=out,
        teacher=beside,
        facts=facts,
        card=card,
    )
    return student, report


def _lists(task: Task, lesson: Lesson, first: FirstStage, settings: TrainingSettings) -> Candidates:
    """The task's candidates, with their labels where anything reads those; `DataError` where they are needed."""
    readers = {
        f"the objective {lesson.objective}": LABEL in lesson.objective.columns,
        f"the first stage, {first.first_objective},": first.objective is not None,
        f"draw={settings.draw}": settings.draw in PICKS,
        f"the method {lesson.ensembling.method}": lesson.reads_scores
        and task.kind != "classification"
        and METHODS[lesson.ensembling.method].needs_labels,
    }
    reader = next((name for name, reads in readers.items() if reads), None)
    if reader is None:
        return with_labels(task) if lesson.reads_scores and task.is_judged else task.candidates
    try:
        return with_labels(task)
    except DataError as error:
        alone = f"{WITHOUT_LABELS[task.kind]} by the method mean"
        raise DataError(f"{reader} reads labels: {error}; of teachers alone a student learns by {alone}") from error


def with_targets(
    lists: Candidates,
    task: Task,
    lesson: Lesson,
    scoring: ScoringSettings,
    store: str | Path | None = None,
    *,
    seed: int = 0,
) -> tuple[Candidates, EnsembleReport | None]:
    """Add the scores of a lesson's teachers to a task's candidates, and the column "target", what they say together.

    Of a classification these are columns of logits, ``target.0``, ``target.1`` ... store: folder that keeps the scores.
    Returns the ensemble's report, too, where there is one. Raises as `add_logits` and `add_teachers` do.
    """
    with first_process_first():  # a store is for one process at a time, and the others find all scores in it
        if task.kind == "classification":
            return add_logits(lists, task, lesson.teachers, TARGET, scoring, store), None
        lists = add_teachers(lists, task.collection, lesson.teachers, scoring, store=store)
    lists, report = ensembled(lists, lesson, seed=seed)
    if task.kind == "similarity" and TARGET in lesson.objective.columns:
        _check_range(lists[TARGET], task)
    return lists, report


def _check_range(targets: F32, task: Task) -> None:
    """Warn of targets that no student reaches, as runs of another range, or normalized scores, make them."""
    scored = task.collection.scored_pairs
    if scored is None:
        return
    slack = 1e-6 * (scored.highest - scored.lowest)
    outside = int(((targets < scored.lowest - slack) | (targets > scored.highest + slack)).sum())
    if outside:
        warnings.warn(
            f"{outside:,} of {len(targets):,} targets are outside the range of {task.name}, {scored.lowest:g} to "
            f"{scored.highest:g}, which a student never leaves (they go from {np.nanmin(targets):.3g} to "
            f"{np.nanmax(targets):.3g}): give teachers' scores in that range",
            stacklevel=2,
        )


def _ensembled(lesson: Lesson) -> str:
    """Say how the teachers became one target; nothing where the objective does not read it."""
    if not {TARGET, lesson.ensembling.method} & set(lesson.objective.columns):
        return ""
    return f"{lesson.ensembling.method} of {len(lesson.teachers)}"


def _facts(scored: Candidates, lesson: Lesson) -> dict[str, Any]:
    """What the student's target is made of: each teacher's scores, by their hash, and the ensemble's settings."""
    columns = {
        name: [each for each in scored.columns if each == name or each.startswith(f"{name}.")]
        for name in lesson.teachers
    }
    hashes = {name: _hash([scored[each] for each in of_one]) for name, of_one in columns.items()}
    return {"teachers": hashes, "ensembling": asdict(lesson.ensembling)}


def _hash(columns: Sequence[F32]) -> str:
    hashed = hashlib.blake2b(digest_size=16)
    for values in columns:
        hashed.update(values.tobytes())
    return hashed.hexdigest()


def ensembled(scored: Candidates, lesson: Lesson, seed: int) -> tuple[Candidates, EnsembleReport]:
    """Add the column "target", the ensemble of the teachers' columns."""
    lists, report = ensemble(scored, list(lesson.teachers), lesson.ensembling, seed=seed)
    return lists.with_columns({TARGET: lists[lesson.ensembling.method]}), report
