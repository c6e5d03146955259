"""Choose the learning rate of the studies' students on queries held out: of each kind, by what it begins as.

Run in the project's root: python -m benchmarks.studies.rates   (after python -m benchmarks.studies.teachers)
DL 2019 is not looked at. Killed, it resumes after what is finished.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

import rankdistill as rd
from benchmarks.results import STUDIES, Folder, Row, run, study
from benchmarks.studies.marco import MsMarco, load_task
from benchmarks.studies.students import (
    DISTILLED,
    LABELS,
    LAYERS,
    RATE,
    SCORING,
    SETTINGS,
    WAYS,
    ensembled,
    layers_cut,
    scored_lists,
    student_start,
    trained_student,
)
from rankdistill.data import Candidates

TRIED = {
    "base, layers cut": (2e-5, 5e-5, 1e-4, 2e-4),
    "base": (1e-5, 2e-5, 5e-5),
    "PILE-KD": (2e-5, 5e-5),
}
SEEDS = (0,)
SIZE = next(iter(LAYERS))
MEASURES = ("nDCG@10", "PNR")


def held_out_values(task: MsMarco, lists: Candidates, name: str, rate: float, folder: Path) -> dict[str, float]:
    """What students of a kind, trained at a rate, reach on the queries held out: means over seeds."""
    if name == "base, layers cut":
        start, objective = layers_cut(folder, SIZE), LABELS
    elif name == "base":
        start, objective = student_start(task, folder, "warm-up", SIZE), LABELS
    else:
        start, objective = student_start(task, folder, "teacher1", SIZE), DISTILLED
    held_out, values = replace(task.held_out, measures=MEASURES), []
    for seed in SEEDS:
        seen = ensembled(lists, *WAYS[name], RATE, seed)[0] if name in WAYS else lists.only_columns("label")
        where = folder / "rates" / f"{name}, {rate}, seed{seed}"
        model = trained_student(
            task.collection, seen, start, objective, seed, where, settings=replace(SETTINGS, learning_rate=rate)
        )
        store = folder / "scores"
        scores = rd.score(str(model), held_out.candidates, task.collection, dtype=SCORING.dtype, store=store)
        values.append(held_out.evaluation(scores).values)
    return {measure: round(float(np.mean([each[measure] for each in values])), 4) for measure in MEASURES}


def rows(folder: Path) -> Iterator[Row]:
    """Each kind of student at each rate."""
    task = load_task()
    lists = task.not_held_out(scored_lists(task, folder))
    for name, rates in TRIED.items():
        for rate in rates:
            yield {"student": name, "learning rate": rate} | held_out_values(task, lists, name, rate, folder)


def main(*, folder: Folder = STUDIES) -> None:
    """Train at every rate, print the table as it grows and write the result."""
    study("study_rates", rows(folder), SEEDS)


if __name__ == "__main__":
    run(main)
