"""Run LSTM-KD's chapter 3 on GLUE's small tasks: what do distillation and augmentation add to a BiLSTM, and how much?

Run in the project's root: python -m benchmarks.studies.recurrent   (--quick: a smoke test, whose numbers say nothing)
The teacher, MiniLM-L6, is fine-tuned on a task. A BiLSTM learns the labels (undistilled), or the teacher's logits of
the same texts: alone, with the labels, or with variations of the texts by each way of augmentation; then, as in Figure
3.3, with more and more variations, and with more and fewer hidden units. All students have as many updates, so that
more texts are no longer training. They are measured on dev pairs by GLUE's first measure, over three seeds. Estimated
at seven hours on two free cores with AVX2; killed, it resumes after what is finished, and runs that are beside the
table are not made again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter
from scipy.stats import ttest_rel

import rankdistill as rd
from benchmarks.results import FOLDER, QUICK, STUDIES, Folder, Row, run, study
from benchmarks.studies.marco import DATA
from benchmarks.studies.multitask import SOURCES
from benchmarks.studies.runs import RUN, chosen, kept_runs, model_of
from benchmarks.studies.uegp import measured, values_of
from rankdistill.arrays import F32
from rankdistill.augment.build import augment
from rankdistill.augment.settings import AugmentSettings
from rankdistill.data import Collection
from rankdistill.data.collection import own_candidates
from rankdistill.ensembling.settings import EnsembleSettings
from rankdistill.evaluation.pair_significance import interval, resampled
from rankdistill.models import DEFAULT_BASE, CrossEncoder
from rankdistill.recipes.distill import Lesson, distill_on
from rankdistill.recipes.finetune import finetune_on, own_settings
from rankdistill.recipes.measure import measure_model
from rankdistill.recipes.rekindle import finetuned
from rankdistill.recipes.start import start_model
from rankdistill.recipes.student_settings import STUDENTS
from rankdistill.recipes.students import make_student
from rankdistill.recipes.unlabelled import with_unlabelled
from rankdistill.scoring.settings import ScoringSettings
from rankdistill.tasks import Task
from rankdistill.tasks.predictions import predictions
from rankdistill.training import TrainingSettings

SHARES = {"sst2": 0.2, "mrpc": 1.0, "stsb": 1.0, "qqp": 1.0}
"""Task -> share of its training pairs that is learnt from; QQP's are a part of it, see `SOURCES`."""
TEACHER = TrainingSettings(learning_rate=1e-4, dtype="float32", logging_steps=20)
SEEDS = (0, 1, 2)
UPDATES, TIMES, UNITS, LENGTH = 4000, 10, 150, 128
LABELS, LOGITS, MASKED, TAGGED = "labels", "logits", "logits, masked", "logits, masked and by tag"
BOTH = "logits and labels"
AUGMENTED = {MASKED: AugmentSettings(p_pos=0.0), TAGGED: AugmentSettings()}
OBJECTIVES = {"classification": "logit_mse(target)", "similarity": ""}
"""Kind of task -> what is distilled by; empty: the kind's own."""
SIZES, HIDDEN = (2, 5, 20, 40), (2, 10, 50, 300)


@dataclass(frozen=True)
class Way:
    """A training of a student: what it learns, how many variations of each text it reads, how large it is."""

    learns: str
    times: int = TIMES
    units: int = UNITS

    @property
    def row(self) -> Row:
        varied = {"variations": self.times} if self.learns in AUGMENTED else {}
        return {"student learns": self.learns, **varied, "hidden units": self.units}


TABLE = [Way(name) for name in (LABELS, LOGITS, BOTH, MASKED, TAGGED)]
LEFT = [Way(TAGGED, times) for times in SIZES]
RIGHT = [Way(name, units=units) for units in HIDDEN for name in (LABELS, TAGGED)]
"""The thesis's Table 3.3, with labels as an ablation, and both pictures of Figure 3.3, the right one on the first task
alone."""


def load_task(name: str) -> Task:
    """A task of GLUE, with the share of its training pairs that is learnt from."""
    collection = rd.load_collection(f"glue:{name}@{DATA / 'glue'}")
    train, dev = (collection.split(split) for split in SOURCES[name])
    drawn = np.random.default_rng(0).permutation(len(train))[: round(SHARES[name] * len(train))]
    splits = {**collection.splits, "train": [train[row] for row in sorted(drawn)], "dev": dev}
    scored = collection.scored_pairs
    assert scored is not None
    collection = replace(collection, splits=splits, scored_pairs=replace(scored, measured_split="dev"))
    return Task(collection, own_candidates(collection))


@dataclass(frozen=True, eq=False)
class Trainings:
    """All that the study trains, each once, in a folder."""

    folder: Path
    tasks: dict[str, Task]
    updates: int
    teacher_updates: int = -1

    @property
    def facts(self) -> dict[str, Any]:
        """What all of them depend on."""
        updates = {"updates": self.updates, "teacher_updates": self.teacher_updates}
        return updates | {"teacher": chosen(TEACHER), "shares": SHARES, "length": LENGTH}

    def teacher(self, name: str) -> CrossEncoder:
        """MiniLM-L6 fine-tuned on a task by UEGP's epochs and batch; trained again where only its run is known."""
        task = self.tasks[name]
        own = own_settings(task, TEACHER)
        settings = replace(own, learning_rate=TEACHER.learning_rate, max_steps=self.teacher_updates)

        def train(out: Path) -> None:
            finetuned(task, start_model(task.collection, start="plain", max_length=LENGTH), settings, out)

        return CrossEncoder.from_pretrained(model_of(self.folder / name / "teacher", train))

    def taught(self, name: str) -> F32:
        """The teacher's predictions of the dev pairs."""
        run = self.folder / name / "teacher" / RUN
        if not run.is_file():
            self.teacher(name)
        return predictions(self.tasks[name].held_out, run)

    def variations(self, name: str, way: Way) -> Collection:
        """Variations of a task's training texts, made once."""
        out = self.folder / name / f"{way.learns}, {way.times} times"
        if not (out / "augment.json").is_file():
            augment(self.tasks[name].collection, out, replace(AUGMENTED[way.learns], n_iter=way.times))
        return rd.load_collection(f"pairs:{out}")

    def student(self, name: str, way: Way, seed: int) -> F32:
        """Train a student; its predictions of the dev pairs."""
        task = self.tasks[name]
        out = self.folder / name / f"{way.learns}, {way.times} times, {way.units} units, seed {seed}"
        if not (out / RUN).is_file():
            self._train(task, name, way, seed, out)
            measure_model(CrossEncoder.from_pretrained(out / "model"), task.held_out, out)
        return predictions(task.held_out, out / RUN)

    def _train(self, task: Task, name: str, way: Way, seed: int, out: Path) -> None:
        training = task.training
        if way.learns in AUGMENTED:
            training = with_unlabelled(training, [self.variations(name, way)])
        suits = STUDENTS["bilstm"].training
        epochs = -(-self.updates * int(suits["lists_per_batch"]) // len(training.candidates)) + 1
        more = {"epochs": epochs, "max_steps": self.updates, "seed": seed, "dtype": "float32", "logging_steps": 100}
        settings = TrainingSettings(**{**suits, **more})
        student = make_student(
            "bilstm", task.collection, base=DEFAULT_BASE, max_length=LENGTH, seed=seed, lstm_size=way.units
        )
        if way.learns == LABELS:
            finetune_on(training, student, settings, out=out)
            return
        objective = OBJECTIVES[task.kind] or task.distillation
        objective += f" + {task.objective}" if way.learns == BOTH else ""
        lesson = Lesson.of({"t1": self.teacher(name)}, objective, EnsembleSettings(method="single"))
        scoring = ScoringSettings(dtype="float32", store=self.folder / "scores")
        distill_on(training, lesson, student, settings, scoring=scoring, out=out)


def rows(trainings: Trainings, seeds: Sequence[int], figures: bool) -> Iterator[Row]:
    """A way of training on a task each, over the seeds, against the undistilled student of the same size."""

    @cache
    def runs(name: str, way: Way) -> F32:
        return np.stack([trainings.student(name, way, seed) for seed in seeds])

    for name, task in trainings.tasks.items():
        values = values_of(task, trainings.taught(name)[None])
        yield {"task": name, "measure": task.measures[0], "student learns": "(the teacher)"} | values
        drawn = [*LEFT, *(RIGHT if name == next(iter(trainings.tasks)) else ())] if figures else []
        for way in [*TABLE, *drawn]:
            line: Row = {"task": name, "measure": task.measures[0], **way.row, **values_of(task, runs(name, way))}
            if way.learns != LABELS:
                line |= compared(task, runs(name, Way(LABELS, units=way.units)), runs(name, way))
            yield line


def compared(task: Task, undistilled: F32, other: F32) -> Row:
    """Difference to the undistilled students, in points, its interval over resampled pairs and seeds, and p."""
    labels = task.held_out.labelled()[0]["label"].astype(np.float64)
    one, two = undistilled.astype(np.float64), other.astype(np.float64)
    low, high = interval(100 * resampled(one, two, labels, task.measures[0]))
    differences = np.subtract(measured(task, other), measured(task, undistilled))
    p = {"p over seeds": float(f"{ttest_rel(differences, 0 * differences).pvalue:.2g}")} if np.ptp(differences) else {}
    return {"to labels": round(float(np.mean(differences)), 2), "95 % interval": f"{low:.2f} to {high:.2f}", **p}


def main(
    *,
    folder: Folder = STUDIES / "recurrent",
    tasks: Annotated[tuple[str, ...], Parameter(help="Only these.")] = tuple(SHARES),
    seeds: Annotated[tuple[int, ...], Parameter(help="Of the students.")] = SEEDS,
    table: Annotated[bool, Parameter(help="No other numbers of variations and of hidden units.")] = False,
    name: Annotated[str, Parameter(help="The result's.")] = "study_recurrent",
    quick: Annotated[bool, Parameter(help="Two updates of each training, on one task.")] = False,
) -> None:
    """Train what is not yet trained, print the table as it grows and write the result."""
    place = FOLDER
    if quick:
        folder, tasks, seeds, place = folder.with_name(f"{folder.name}-quick"), ("mrpc",), seeds[:2], QUICK
        table = True
    loaded = {task: load_task(task) for task in tasks}
    if quick:
        loaded = {task: fewer(each) for task, each in loaded.items()}
    trainings = Trainings(folder, loaded, 2, 2) if quick else Trainings(folder, loaded, UPDATES)
    with kept_runs(folder, "recurrent", trainings.facts, place):
        study(name, rows(trainings, seeds, figures=not table), seeds, folder=place)


def fewer(task: Task) -> Task:
    """A task of few pairs, for a smoke test."""
    splits = {name: ids[:60] for name, ids in task.collection.splits.items()}
    collection = replace(task.collection, splits=splits)
    kept = task.candidates.only_queries([*splits["train"], *splits["dev"]])
    return replace(task, collection=collection, candidates=kept)


if __name__ == "__main__":
    run(main)
