"""Run MKD on GLUE: is one student distilled on several tasks better than one of each task, and which tasks help it?

Run in the project's root: python -m benchmarks.studies.multitask   (--quick: a smoke test, whose numbers say nothing)
The thesis's Table 4.3: the student is distilled on the tasks of one group together (sentiment, paraphrases,
inference, or all), and fine-tuned on every task; those outside the group get a new head then. Students of groups have
the logits of one teacher, MiniLM-L6 refined on all tasks; those of the last row are of all tasks, and have the logits
of MiniLM-L6 fine-tuned on each task alone. So have the students of each task alone, which all are compared with. At
most 4,000 pairs of a task are learnt from; of tasks whose training set is not at hand a part of what is there, see
`SOURCES`. Measured on held-out pairs by GLUE's first measure, over three seeds. Estimated, for the BiLSTM, at four
hours of one core with AVX2, of which the teachers take two; killed, it resumes after what is finished.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from cyclopts import Parameter

import rankdistill as rd
from benchmarks.results import FOLDER, QUICK, STUDIES, Folder, Row, run, study
from benchmarks.studies.marco import DATA
from rankdistill.data.collection import hash_percent, own_candidates
from rankdistill.errors import UnknownNameError
from rankdistill.models import DEFAULT_BASE
from rankdistill.recipes.multitask import Run
from rankdistill.recipes.multitask_result import DISTILLED, MKD, SINGLE, TEACHER, TUNED
from rankdistill.recipes.multitask_settings import MultitaskSettings, Teachers
from rankdistill.recipes.student_settings import STUDENTS
from rankdistill.scoring.settings import ScoringSettings
from rankdistill.tasks import Task
from rankdistill.tasks.compare_runs import compare_runs, compare_tasks
from rankdistill.training import TrainingSettings

SOURCES: dict[str, tuple[str, str]] = {
    "sst2": ("train", "dev"),
    "mrpc": ("train", "dev"),
    "stsb": ("train", "dev"),
    "qqp": ("bimpm_dev", "bimpm_test"),
    "mnli": ("dev_matched", "dev_matched"),
    "qnli": ("dev", "dev"),
    "rte": ("train", "dev"),
}
"""Task -> the files learnt from and measured on; where they are one, 70 % of it, by a hash, is learnt from."""
MOST, LEARNT_PERCENT = 4000, 70
"""Pairs of a task that are learnt from, at most, so that every set is a small one."""
GROUPS: dict[str, tuple[str, ...]] = {
    "sentiment": ("sst2",),
    "paraphrases": ("mrpc", "qqp"),
    "inference": ("mnli", "qnli", "rte"),
    "all": tuple(SOURCES),
    "all, own teachers": tuple(SOURCES),
}
OWN = "all, own teachers"
SEEDS = (0, 1, 2)
SETTINGS = MultitaskSettings(teacher_learning_rate=1e-4, curve_points=4, curve_examples=500)
"""The teachers' rate is that of MiniLM-L6 in the study of recurrent students."""
EPOCHS = 8


def load_task(name: str, most: int, most_measured: int | None = None) -> Task:
    """A task of GLUE with at most so many pairs learnt from as its split train, and those measured on as dev."""
    collection = rd.load_collection(f"glue:{name}@{DATA / 'glue'}")
    learnt, held_out = (collection.split(split) for split in SOURCES[name])
    if SOURCES[name][0] == SOURCES[name][1]:
        learnt = [pair for pair in learnt if hash_percent(pair) < LEARNT_PERCENT]
        held_out = [pair for pair in held_out if hash_percent(pair) >= LEARNT_PERCENT]
    drawn = np.random.default_rng(0).permutation(len(learnt))[:most]
    splits = {"train": [learnt[row] for row in sorted(drawn)], "dev": held_out[:most_measured]}
    scored = collection.scored_pairs
    assert scored is not None
    collection = replace(collection, splits=splits, scored_pairs=replace(scored, measured_split="dev"))
    kept = own_candidates(collection).only_queries([*splits["train"], *splits["dev"]])
    return Task(collection, kept)


def made(
    tasks: Mapping[str, Task],
    student: str,
    out: Path,
    training: TrainingSettings,
    settings: MultitaskSettings,
    store: Path,
) -> Run:
    """A run of the recipe, with the scores of all runs in one place."""
    scoring = ScoringSettings(dtype="auto", store=store)
    return Run.of(tasks, DEFAULT_BASE, student, out, settings, training=training, scoring=scoring)


def rows(
    tasks: Mapping[str, Task],
    student: str,
    folder: Path,
    training: TrainingSettings,
    settings: MultitaskSettings,
    seeds: Sequence[int],
    groups: Sequence[str],
) -> Iterator[Row]:
    """The teacher, students of each task alone, and those of the groups, before and after fine-tuning."""
    whole = made(tasks, student, folder / "all", training, settings, folder / "scores")
    teachers = {"shared": whole.refined_teachers(), "own": whole.own_teachers()}
    for seed in seeds:
        whole.distil(seed, teachers)
    held_out = whole.held_out
    yield {"student of": "(teacher of all)", **points({n: [folder / "all" / TEACHER / n] for n in tasks}, held_out)}
    alone = {name: [folder / "all" / f"{SINGLE}{seed}" / TUNED / name for seed in seeds] for name in tasks}
    yield {"student of": "each task", **points(alone, held_out)}
    before = {name: [folder / "all" / f"{MKD}{seed}" / DISTILLED / name for seed in seeds] for name in tasks}
    yield {"student of": "all, not fine-tuned", **points(before, held_out)}
    for group in groups:
        joint = tuple(name for name in GROUPS[group] if name in tasks)
        if not joint:
            continue
        if group != "all" and (len(joint) < len(tasks) or group == OWN):
            learned: Teachers = "own" if group == OWN else "shared"
            changed = replace(settings, joint=joint, joint_teachers=learned, single="none")
            one = made(tasks, student, folder / group, training, changed, folder / "scores")
            for seed in seeds:
                one.distil(seed, teachers)
        tuned = {name: [folder / group / f"{MKD}{seed}" / TUNED / name for seed in seeds] for name in tasks}
        yield {"student of": group, **points(tuned, held_out), **against(alone, tuned, held_out)}


def points(folders: Mapping[str, Sequence[Path]], held_out: Mapping[str, Task]) -> Row:
    """Each task's first measure, in points, the mean over the seeds; and the mean over the tasks."""
    means: dict[str, Any] = {}
    for name, task in held_out.items():
        runs = [folder / "run.trec.gz" for folder in folders[name]]
        measure = task.measures[0]
        means[name] = 100 * compare_runs(task, {SINGLE: runs, MKD: runs}, (SINGLE, MKD))[measure][MKD]
    return {
        **{name: round(value, 2) for name, value in means.items()},
        "mean": round(float(np.mean([*means.values()])), 2),
    }


def against(
    alone: Mapping[str, Sequence[Path]], tuned: Mapping[str, Sequence[Path]], held_out: Mapping[str, Task]
) -> Row:
    """The difference of the mean over the tasks to students of each task alone, its interval and p; tasks that gain."""
    runs = {
        name: {
            SINGLE: [each / "run.trec.gz" for each in alone[name]],
            MKD: [each / "run.trec.gz" for each in tuned[name]],
        }
        for name in held_out
    }
    compared, mean = compare_tasks(held_out, runs, (SINGLE, MKD))
    better = [name for name, task in held_out.items() if compared[name][task.measures[0]]["difference"] > 0]
    row: Row = {"to each task": round(100 * mean["difference"], 2)}
    if mean["interval"]:
        low, high = mean["interval"]
        row |= {"95 % interval": f"{100 * low:.2f} to {100 * high:.2f}", "p": float(f"{mean['p_value']:.2g}")}
    return row | {"better on": " ".join(better)}


def main(
    *,
    folder: Folder = STUDIES / "multitask",
    tasks: Annotated[tuple[str, ...], Parameter(help="Only these.")] = tuple(SOURCES),
    student: Annotated[str, Parameter(help="bilstm, biattentive or transformer:LxH.")] = "bilstm",
    sampling: Annotated[str, Parameter(help="proportional or sqrt.")] = "proportional",
    epochs: Annotated[int, Parameter(help="Of the distillations.")] = EPOCHS,
    seeds: Annotated[tuple[int, ...], Parameter(help="Of the students.")] = SEEDS,
    groups: Annotated[tuple[str, ...], Parameter(help="Only these, of tasks that are distilled on together.")] = tuple(
        GROUPS
    ),
    name: Annotated[str, Parameter(help="The result's.")] = "study_multitask",
    quick: Annotated[bool, Parameter(help="Two updates of the students, on few pairs of two tasks.")] = False,
) -> None:
    """Train what is not yet trained, print the table as it grows and write the result."""
    settings = replace(SETTINGS, sampling=sampling)  # type: ignore[arg-type]  # checked by the settings
    for group in groups:
        if group not in GROUPS:
            raise UnknownNameError("group of tasks", group, GROUPS)
    training = replace(
        TrainingSettings(**STUDENTS[student.partition(":")[0]].training), epochs=epochs, logging_steps=50
    )
    sizes: tuple[int, int | None] = MOST, None
    if quick:
        folder = folder.with_name(f"{folder.name}-quick")
        tasks, seeds, sizes = ("rte", "mrpc"), seeds[:1], (40, 40)
        training = replace(training, epochs=1)
        settings = replace(settings, teacher_epochs=1, tune_epochs=1, curve_points=1)
    loaded = {task: load_task(task, *sizes) for task in tasks}
    lines = rows(loaded, student, folder / student.replace(":", " "), training, settings, seeds, groups)
    study(name, lines, seeds, folder=QUICK if quick else FOLDER)


if __name__ == "__main__":
    run(main)
