"""Draw what UEGP gains over the length of the guided pre-training.

Run in the project's root: python -m benchmarks.studies.uegp_steps   (--quick: a smoke test, whose numbers say nothing)
A base is guided once by the task's expert, as in `benchmarks.studies.uegp`, and kept after several numbers of updates;
each kept model is fine-tuned as the expert was. Killed, it resumes after what is finished.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import Parameter
from matplotlib.figure import Figure

from benchmarks.pictures import save_svg
from benchmarks.results import FOLDER, QUICK, STUDIES, Folder, Row, run, study
from benchmarks.studies.runs import kept_runs
from benchmarks.studies.uegp import (
    DTYPE,
    EXPERT,
    FINETUNING,
    GUIDED,
    QUICK_GUIDED,
    SEEDS,
    TEACHERS,
    WAYS,
    Trainings,
    compared,
    load_task,
    values_of,
    wikipedia_pairs,
)
from rankdistill.arrays import F32
from rankdistill.models import CrossEncoder
from rankdistill.recipes.guided import guide, like
from rankdistill.scoring.settings import ScoringSettings
from rankdistill.tasks import Task

STEPS = (100, 300, 600, 1200)
"""Updates after which the guided model is kept; the last is the length of the training."""
WAY = "UEGP"


def guided_models(trainings: Trainings, task: Task, steps: Sequence[int]) -> dict[int, Path]:
    """Updates -> the model kept after them, of one guided training."""
    place, way = trainings.folder / TEACHERS / "steps", WAYS[WAY]
    assert way is not None
    out = place / task.name / "guided"
    if not (out / "model").is_dir():
        settings = replace(way.settings(trainings.guiding), guided_steps=steps[-1], keep_steps=tuple(steps))
        pairs = wikipedia_pairs(place / "pairs", settings)
        expert = {task.name.replace(":", "_"): trainings.teacher(task)}
        scoring = ScoringSettings(dtype=DTYPE, store=trainings.folder / "scores")
        guide(trainings.base(TEACHERS), expert, pairs, settings, FINETUNING, scoring=scoring, out=out.parent)
    return {each: out / "steps" / str(each) for each in steps}


def rekindled(trainings: Trainings, task: Task, updates: int, steps: Sequence[int], seed: int) -> F32:
    """Predictions of the dev pairs by a base that was guided for so many updates, and fine-tuned on the task."""

    def start() -> CrossEncoder:
        place = guided_models(trainings, task, steps)[updates]
        return like(trainings.start(task, TEACHERS, seed), place, seed=seed)

    out = trainings.folder / TEACHERS / "steps" / f"{task.name}{seed} after {updates}"
    return trainings.finetuned(task, start, seed, out)


def rows(trainings: Trainings, steps: Sequence[int], seeds: Sequence[int]) -> Iterator[Row]:
    """A task and a number of updates each, over the seeds."""
    for name, task in trainings.tasks.items():
        experts = np.stack([trainings.expert(task, TEACHERS, seed) for seed in seeds])
        yield {"task": name, "updates": 0, "measure": task.measures[0]} | values_of(task, experts)
        for updates in steps:
            others = np.stack([rekindled(trainings, task, updates, steps, seed) for seed in seeds])
            line: Row = {"task": name, "updates": updates, "measure": task.measures[0]}
            yield line | values_of(task, others) | compared(task, experts, others)


def draw(lines: Sequence[Row], path: Path) -> None:
    """Draw the measure over the updates, a pair of axes for each task; bars are the standard deviation over seeds."""
    names = list(dict.fromkeys(line["task"] for line in lines))
    figure = Figure(figsize=(3.2 * len(names), 2.6), layout="constrained")
    for ax, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        own = [line for line in lines if line["task"] == name]
        x, y, bars = zip(*((line["updates"], line["mean"], line.get("sd", 0)) for line in own), strict=True)
        ax.errorbar(x, y, bars, marker="o", capsize=3)
        ax.axhline(y[0], color="grey", linestyle=":", label=EXPERT)
        ax.set(title=name, xlabel="guided updates", ylabel=own[0]["measure"])
        ax.legend()
    save_svg(figure, path)


def main(
    *,
    folder: Folder = STUDIES / "uegp",
    tasks: Annotated[tuple[str, ...], Parameter(help="Only these.")] = ("rte", "mrpc"),
    seeds: Annotated[tuple[int, ...], Parameter(help="Of the fine-tuning.")] = SEEDS,
    name: Annotated[str, Parameter(help="The result's.")] = "study_uegp_steps",
    quick: Annotated[bool, Parameter(help="Two updates of each training, on one task.")] = False,
) -> None:
    """Train what is not yet trained, print the table as it grows, write the result and its picture."""
    steps, place = STEPS, FOLDER
    if quick:
        folder, place = folder.with_name(f"{folder.name}-quick"), QUICK
        tasks, seeds, steps = tasks[:1], seeds[:2], (1, 2)
    loaded = {task: load_task(task) for task in tasks}
    trainings = Trainings(folder, loaded, GUIDED)
    if quick:
        trainings = Trainings(folder, loaded, QUICK_GUIDED, max_steps=2)
    with kept_runs(folder, "uegp", trainings.facts, place):
        lines = study(name, rows(trainings, steps, seeds), seeds, folder=place)
    draw(lines, place / f"{name}.svg")


if __name__ == "__main__":
    run(main)
