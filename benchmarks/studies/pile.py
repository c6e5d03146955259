"""Re-run PILE's table on real judgments: three teachers, students of two sizes, base / single / AE / PILE.

Run in the project's root: python -m benchmarks.studies.pile   (after python -m benchmarks.studies.teachers)
Students learn on DL 2020 to 2022 and are measured on DL 2019, re-ranking BM25's 100 best. "base" knows no teacher: it
begins as a few layers that imitate the warm-up's states and learns from labels; of "base, layers cut" they are the
warm-up's own. All others begin as a few layers that imitate teacher1's states ("imitation", a first half of
distilling): one row learns from labels from there, the rest from the ensemble's scores and labels. Killed, it resumes
after what is finished. Curves over teachers and rates: `benchmarks.studies.pile_curves`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

import numpy as np
from cyclopts import Parameter

from benchmarks.results import STUDIES, Folder, Row, run, study
from benchmarks.studies.marco import load_task
from benchmarks.studies.rows import PerQuery, corrected, row
from benchmarks.studies.students import (
    DISTILLED,
    LABELS,
    LAYERS,
    RATE,
    SEEDS,
    TEACHERS,
    WAYS,
    ensembled,
    free_systems,
    layers_cut,
    measured,
    scored_lists,
    student_start,
    teachers_in,
    trained_student,
    trained_students,
)
from rankdistill.data import Candidates
from rankdistill.ensembling.settings import MethodName
from rankdistill.errors import UnknownNameError
from rankdistill.tasks import Task


def distilled(
    test: Task,
    scored: Candidates,
    start: Path,
    method: MethodName,
    teachers: list[str],
    rate: float,
    folder: Path,
    objective: str = DISTILLED,
) -> tuple[list[PerQuery], Row]:
    """A way of distilling under each seed; for PILE also the reversed pairs and its correlation with the mean."""
    seeds = []
    for seed in SEEDS:
        lists, report = ensembled(scored, method, teachers, rate, seed)
        model = trained_student(test.collection, lists, start, objective, seed, folder / f"seed{seed}")
        seeds.append(measured(test, model))
    if report.pile is None:
        return seeds, {}
    pairs = f"{report.pile.reversed_before:,} → {report.pile.reversed_after:,} of {report.pile.comparable:,}"
    mean, _ = ensembled(scored, "mean", teachers, rate, seed)
    r = float(np.corrcoef(lists["target"], mean["target"])[0, 1])
    return seeds, {"reversed pairs": pairs, "r with the mean": round(r, 4)}


def rows(folder: Path, sizes: tuple[str, ...]) -> Iterator[Row]:
    """The teachers, then the students of each size: from labels alone, and from each ensemble."""
    for size in sizes:
        if size not in LAYERS:
            raise UnknownNameError("size of students", size, LAYERS)
    task = load_task()
    scored = scored_lists(task, folder)
    labelled = scored.only_columns("label")
    for name, values in free_systems(task.test, "bm25").items():
        yield row({"system": name, "student": ""}, [values])
    for name, model in teachers_in(folder).items():
        yield row({"system": name, "student": ""}, [measured(task.test, model)])
    for size in sizes:
        place = folder / "pile" / size
        start = student_start(task, folder, TEACHERS[0], size)
        yield row({"system": "imitation", "student": size}, [measured(task.test, start)])
        labels_alone = {
            "base, layers cut": layers_cut(folder, size),
            "base": student_start(task, folder, "warm-up", size),
            "imitation, labels": start,
        }
        students: dict[str, list[PerQuery]] = {}
        for name, begins_as in labels_alone.items():
            students[name] = trained_students(task.test, labelled, begins_as, LABELS, place / name)
            yield row({"system": name, "student": size}, students[name], against=bases(students, name))
        for name, (method, teachers) in WAYS.items():
            against = bases(students, name) | {"the row above": students[list(students)[-1]]}
            students[name], facts = distilled(task.test, scored, start, method, teachers, RATE, place / name)
            yield row({"system": name, "student": size}, students[name], against) | facts


def bases(students: Mapping[str, list[PerQuery]], but: str) -> dict[str, list[PerQuery]]:
    """The students that know no teacher, to compare another with."""
    return {name: seeds for name, seeds in students.items() if name.startswith("base") and name != but}


def main(
    *, folder: Folder = STUDIES, sizes: Annotated[tuple[str, ...], Parameter(help="Of students.")] = tuple(LAYERS)
) -> None:
    """Train what is not yet trained, print the table as it grows and write the result."""
    study("study_pile", rows(folder, sizes), SEEDS, finish=corrected)


if __name__ == "__main__":
    run(main)
