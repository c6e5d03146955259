"""Multi-task distillation: a teacher refined on several tasks, one student distilled on all, fine-tuned on each."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rankdistill.data import Collection
from rankdistill.ensembling.settings import EnsembleSettings
from rankdistill.models import DEFAULT_BASE, CrossEncoder
from rankdistill.models.card import teacher_names
from rankdistill.progress import say
from rankdistill.recipes.distill import Lesson, with_targets
from rankdistill.recipes.labels import with_labels
from rankdistill.recipes.measure import measure_model
from rankdistill.recipes.multitask_checks import check_tasks
from rankdistill.recipes.multitask_result import (
    DISTILLED,
    MKD,
    OWN_TEACHERS,
    SINGLE,
    TEACHER,
    TUNED,
    check_no_others,
    write_result,
)
from rankdistill.recipes.multitask_settings import MultitaskSettings, balanced
from rankdistill.recipes.multitask_start import check_no_layers, start_students, start_tasks
from rankdistill.recipes.student_settings import DEFAULT_STUDENT, StudentSettings, made_from_scratch
from rankdistill.recipes.student_training import student_training
from rankdistill.recipes.unlabelled import with_unlabelled
from rankdistill.scoring.among import refuse_asking
from rankdistill.scoring.settings import ScoringSettings
from rankdistill.tasks import Task
from rankdistill.training import Objective, TrainingSettings
from rankdistill.training.distributed import join_processes, processes, wait_for_all
from rankdistill.training.fit_tasks import Part, fit_tasks


def multitask(
    tasks: Mapping[str, Task],
    teacher: str | Path = DEFAULT_BASE,
    student: str = DEFAULT_STUDENT,
    *,
    out: str | Path,
    settings: MultitaskSettings | None = None,
    student_settings: StudentSettings | None = None,
    training: TrainingSettings | None = None,
    unlabelled: Mapping[str, Sequence[Collection]] | None = None,
    scoring: ScoringSettings | None = None,
    seeds: int = 1,
) -> dict[str, Any]:
    """Distil one student on several tasks together (MKD), compare it with one of each task alone; return the result.

    tasks: name -> task, of any kinds; names are those of folders. teacher: encoder that the teacher starts from.
    student: a name of a student made from scratch, or a folder or hub id, see `start_students`. training: of the
    student's distillation, its ``lists_per_batch`` counting pairs (None: what suits the student). unlabelled: task ->
    more pairs, or lists, that the teacher labels. seeds: trainings of the students, by seeds that count up; teachers
    are trained once. Every step is kept in a folder of ``out`` and is not repeated by the next call; every model is an
    ordinary folder: ``teacher/TASK/model``, ``mkdSEED/distilled/TASK/model``, and at last ``mkdSEED/tuned/TASK/model``.

    The result, also in ``multitask.json``: of every task the first measure of both students, means over the seeds, with
    ``difference``, ``interval`` and ``p_value``, and the same of all ``measures``, and that of the ``teachers``; the
    ``mean`` over the tasks; and what all is the result of: ``teacher``, ``student``, ``settings``, ``training`` ...
    Raises `UsageError` for fewer than two tasks, for names that cannot be folders, and where ``out`` holds models of
    other tasks, seeds or steps, which would stay beside those of this call; `DataError` for a task without enough
    labels to train or to measure on. Source: LSTM-KD §4.2, algorithm 1 (docs/papers.md).
    """
    join_processes()
    run = Run.of(tasks, teacher, student, out, settings, student_settings, training, unlabelled, scoring)
    numbers = [run.training.seed + number for number in range(seeds)]
    check_no_others(run.out, tasks, numbers, run.settings)
    teachers = run.teachers()
    for seed in numbers:
        run.distil(seed, teachers)
    return write_result(run.held_out, run.out, numbers, run.settings, run.told(unlabelled or {}))


@dataclass(frozen=True, eq=False)
class Run:
    """One call of `multitask`: what it is given, and its steps."""

    tasks: Mapping[str, Task]
    teacher: str | Path
    student: str
    out: Path
    settings: MultitaskSettings
    student_settings: StudentSettings
    training: TrainingSettings
    learned: Mapping[str, Task]
    """Task -> its part to train on, with what is unlabelled."""
    scoring: ScoringSettings

    @classmethod
    def of(
        cls,
        tasks: Mapping[str, Task],
        teacher: str | Path,
        student: str,
        out: str | Path,
        settings: MultitaskSettings | None = None,
        student_settings: StudentSettings | None = None,
        training: TrainingSettings | None = None,
        unlabelled: Mapping[str, Sequence[Collection]] | None = None,
        scoring: ScoringSettings | None = None,
    ) -> Run:
        """Fill in what is not given, and raise, before any work, where the tasks or settings do not suit."""
        scoring = scoring or ScoringSettings()
        refuse_asking(scoring)
        settings, student_settings = settings or MultitaskSettings(), student_settings or StudentSettings()
        training = training or TrainingSettings(**student_training(student))
        if made_from_scratch(student, student_settings):
            check_no_layers(student, settings.layers)
        more = unlabelled or {}
        check_tasks(tasks, settings, training, more)
        learned = {name: with_unlabelled(task.training, more.get(name, ())) for name, task in tasks.items()}
        if scoring.store is None:
            scoring = replace(scoring, store=Path(out) / "scores")
        return cls(tasks, teacher, student, Path(out), settings, student_settings, training, learned, scoring)

    @property
    def held_out(self) -> dict[str, Task]:
        """Task -> its part to measure on."""
        return {name: task.held_out for name, task in self.tasks.items()}

    def told(self, unlabelled: Mapping[str, Sequence[Collection]]) -> dict[str, Any]:
        """What the result is the result of, beside tasks, seeds and settings, as JSON can hold it."""
        return {
            "teacher": str(self.teacher),
            "student": self.student,
            "student_settings": asdict(self.student_settings),
            "training": asdict(self.training),
            "unlabelled": {name: [source.name for source in sources] for name, sources in unlabelled.items()},
        }

    # -- teachers ------------------------------------------------------------------------------------------------------

    def teachers(self) -> dict[str, dict[str, Path]]:
        """Make the teachers that students learn from, "shared" and "own" as far as they are needed: task -> folder.

        They are folders, which are loaded one by one to score, so that no teacher is in memory while students train.
        """
        make = {"shared": self.refined_teachers, "own": self.own_teachers}
        return {kind: make[kind]() for kind in make if kind in self.settings.kinds_of_teachers}

    def refined_teachers(self) -> dict[str, Path]:
        """Refine the base on all tasks together; return the folder of each task's model of the teacher."""
        say(f"teacher: {self.teacher} is refined on {', '.join(self.tasks)} together")
        starts = self._starts(self.tasks)
        parts = {name: self._labelled(name, starts[name]) for name in self.tasks}
        settings = self.settings.teacher_training(self.training)
        self._fit(parts, settings, self.out / TEACHER)
        for name in self.tasks:
            self._measured(name, self.out / TEACHER / name)
        return {name: self.out / TEACHER / name / "model" for name in self.tasks}

    def own_teachers(self) -> dict[str, Path]:
        """Fine-tune the base on each task alone; return the folder of each task's model."""
        for name, task in self.tasks.items():
            [start] = self._starts({name: task}).values()
            settings = self.settings.teacher_training(self.training)
            self._fit({name: self._labelled(name, start, "model")}, settings, self.out / OWN_TEACHERS / name)
            self._measured(name, self.out / OWN_TEACHERS / name)
        return {name: self.out / OWN_TEACHERS / name / "model" for name in self.tasks}

    def _starts(self, tasks: Mapping[str, Task]) -> dict[str, CrossEncoder]:
        return start_tasks(tasks, self.teacher, max_length=self.settings.max_length, seed=self.training.seed)

    # -- students ------------------------------------------------------------------------------------------------------

    def distil(self, seed: int, made: Mapping[str, Mapping[str, Path]]) -> None:
        """Distil the student on each task alone, and on all together, and fine-tune both on each task.

        made: see `teachers`.
        """
        training = replace(self.training, seed=seed)
        starts = start_students(
            self.learned,
            self.student,
            self.student_settings,
            base=self.teacher,
            layers=self.settings.layers,
            max_length=self.settings.max_length,
            seed=seed,
        )
        if self.settings.single != "none":
            alone, own = self.out / f"{SINGLE}{seed}", made[self.settings.single]
            for name, start in starts.items():
                model = start.with_model(copy.deepcopy(start.model))
                part = self._taught(name, model, own[name], "model")
                self._fit({name: part}, training, alone / DISTILLED / name)
                self._tune(name, self._measured(name, alone / DISTILLED / name), own[name], training, alone)
        joint = self.settings.joint_of(self.tasks)
        together, teachers = self.out / f"{MKD}{seed}", made[self.settings.joint_teachers]
        say(f"{MKD}{seed}: one student is distilled on {', '.join(joint)} together")
        parts = {name: self._taught(name, starts[name], teachers[name]) for name in joint}
        if self.settings.joint_teachers == "own":  # the encoder of each learns from all of them
            named = teacher_names([teachers[name] for name in joint])
            parts = {name: replace(part, teachers=named) for name, part in parts.items()}
        self._fit(parts, training, together / DISTILLED)
        for name, start in starts.items():
            if name in joint:
                model = self._measured(name, together / DISTILLED / name)
            else:  # a copy: the encoder is that of all starts
                model = start.with_model(copy.deepcopy(start.model))
            self._tune(name, model, teachers[name], training, together)

    def _tune(self, name: str, model: CrossEncoder, teacher: Path, training: TrainingSettings, folder: Path) -> None:
        """Fine-tune a distilled student on its task, where that is wanted."""
        if self.settings.tune == "none":
            return
        learns_labels = self.settings.tune == "labels"
        part = self._labelled(name, model, "model") if learns_labels else self._taught(name, model, teacher, "model")
        self._fit({name: part}, self.settings.tuning(training), folder / TUNED / name)
        self._measured(name, folder / TUNED / name)

    # -- their steps ---------------------------------------------------------------------------------------------------

    def _labelled(self, name: str, model: CrossEncoder, folder: str = "") -> Part:
        """A part that learns a task's labels."""
        task = self.tasks[name].training
        objective = Objective.parse(balanced(task, {task.objective: 1}))
        return Part(model, task.labelled()[0], task.collection, objective, self._watched(name), folder)

    def _taught(self, name: str, model: CrossEncoder, teacher: Path, folder: str = "") -> Part:
        """A part that learns the logits of a teacher, which is in memory only here. teacher: its folder."""
        task = self.learned[name]
        objective = Objective.parse(self.settings.distillation(task))
        lesson = Lesson.of({"t1": CrossEncoder.from_pretrained(teacher)}, objective, EnsembleSettings(method="single"))
        lists, _ = with_targets(with_labels(task), task, lesson, self.scoring, seed=self.training.seed)
        return Part(
            model, lists, task.collection, objective, self._watched(name), folder, teachers=teacher_names([teacher])
        )

    def _fit(self, parts: Mapping[str, Part], settings: TrainingSettings, out: Path) -> None:
        fit_tasks(
            parts,
            settings,
            sampling=self.settings.sampling,
            measurements=self.settings.curve_points,
            out=out,
        )

    def _watched(self, name: str) -> Task | None:
        """What a task is measured on while models train: all of its dev split where that chooses weights, else some."""
        task, examples = self.tasks[name], self.settings.curve_examples
        if self.training.eval_steps:
            return task.required(task.dev_split)
        if not self.settings.curve_points:
            return None
        known = not task.collection.splits or task.dev_split in task.collection.splits
        watched = (task.dev if known else task.held_out).judged()
        watched = watched if watched.n_queries else task.held_out.judged()
        drawn = np.random.default_rng(self.training.seed).permutation(watched.n_queries)[:examples]
        return watched.with_candidates(watched.candidates.take_queries(np.sort(drawn)))

    def _measured(self, name: str, folder: Path) -> CrossEncoder:
        """Measure a task's model as it was written, and return it."""
        model = CrossEncoder.from_pretrained(folder / "model")
        if processes()[0] == 0:
            task = self.tasks[name]
            metrics = measure_model(model, task.held_out, folder, scoring=self.scoring)
            where = folder.relative_to(self.out).as_posix()
            say(f"{where}: " + ", ".join(f"{measure} {metrics[measure]:.4f}" for measure in task.measures))
        wait_for_all()  # others read the run that this one wrote
        return model
