"""Re-run PILE's table on real judgments: three teachers, students of two sizes, base / single / AE / PILE.

Run in the project's root: python -m benchmarks.studies.pile   (after python -m benchmarks.studies.teachers)
Students learn on DL 2020 to 2022 and are measured on DL 2019, re-ranking BM25's 100 best. "base" knows no teacher: it
begins as a few layers of the warm-up and learns from labels. All others begin as a few layers that imitate teacher1's
states on unlabelled queries ("imitation", a first half of distilling). One row learns from labels from there; the rest
learn the ensemble's scores on the same unlabelled queries, and then scores and labels on DL's. Killed, it goes on from
what is finished. Curves over teachers and rates: `benchmarks.studies.pile_curves`.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.results import markdown_table, typed, write_result
from benchmarks.studies.marco import Task, load_task
from benchmarks.studies.students import (
    LAYERS,
    SEEDS,
    SETTINGS,
    PerQuery,
    corrected,
    measured,
    row,
    student_lists,
    student_start,
    trained_student,
)
from benchmarks.studies.teachers import SHARES
from rankdistill.data import Candidates
from rankdistill.ensembling import EnsembleReport, ensemble
from rankdistill.recipes import add_teachers
from rankdistill.training import draw_candidates

TEACHERS = list(SHARES)
LABELS = "hinge(label)"
SCORES = "pointwise_mse(target) + pairwise_mse(target)"
DISTILLED = f"{LABELS} + {SCORES}"
ON_UNLABELLED = replace(SETTINGS, epochs=1, max_steps=-1, learning_rate=1e-4)
RATE = 0.9
WAYS: dict[str, tuple[str, list[str]]] = {  # name -> method, teachers
    "single-KD": ("single", TEACHERS[:1]),
    "AE-KD": ("mean", TEACHERS),
    "PILE-KD": ("pile", TEACHERS),
}


def teachers_in(folder: Path) -> dict[str, Path]:
    """The teachers' models, by name; `SystemExit` where they are not made."""
    models = {name: folder / name / "model" for name in TEACHERS}
    if missing := [name for name, model in models.items() if not model.is_dir()]:
        raise SystemExit(f"no {', '.join(missing)} in {folder}: run python -m benchmarks.studies.teachers first")
    return models


def scored_lists(task: Task, folder: Path) -> tuple[Candidates, Candidates]:
    """The lists, and those of unlabelled queries, with each teacher's scores, all brought to the level of the first's.

    Their objective, differences of scores, leaves a teacher's level open; PILE compares teachers by level.
    """
    models = teachers_in(folder)
    scored = add_teachers(student_lists(task), task.collection, models, store=folder / "scores")
    lists = draw_candidates(task.unlabelled, ON_UNLABELLED.list_size, seed=0)
    unlabelled = add_teachers(lists, task.collection, models, store=folder / "scores-unlabelled")
    shift = {name: np.mean(scored[TEACHERS[0]]) - np.mean(scored[name]) for name in TEACHERS}
    levelled = [
        part.with_columns({name: part[name] + shift[name] for name in TEACHERS}) for part in (scored, unlabelled)
    ]
    return levelled[0], levelled[1]


def scores_learnt(task: Task, folder: Path, unlabelled: Candidates, size: str, teachers: list[str]) -> Path:
    """A student that imitates the first teacher's states, and then the ensemble's scores on unlabelled queries.

    Without labels PILE is the mean.
    """
    method = "single" if len(teachers) == 1 else "mean"
    made, _ = ensemble(unlabelled, teachers, method)
    lists = made.only_columns().with_columns(target=made[method])
    start = student_start(task, folder, TEACHERS[0], size)
    out = folder / "scores learnt" / size / f"{method} of {len(teachers)}"
    return trained_student(task, lists, start, SCORES, 0, out, settings=ON_UNLABELLED)


def ensembled(
    scored: Candidates, method: str, teachers: list[str], rate: float, seed: int
) -> tuple[Candidates, EnsembleReport]:
    """The lists with the ensemble's score as the column "target", and what was done."""
    made, report = ensemble(scored, teachers, method, rate=rate, seed=seed)
    return made.only_columns("label").with_columns(target=made[method]), report


def distilled(
    task: Task, scored: Candidates, start: Path, method: str, teachers: list[str], rate: float, folder: Path
) -> tuple[list[PerQuery], dict[str, str]]:
    """A way of distilling under each seed, and of PILE how many of the comparable pairs it found and left reversed."""
    found = []
    for seed in SEEDS:
        lists, report = ensembled(scored, method, teachers, rate, seed)
        model = trained_student(task, lists, start, DISTILLED, seed, folder / f"seed{seed}")
        found.append(measured(task, model))
    pile = report.pile
    told = f"{pile.reversed_before:,} → {pile.reversed_after:,} of {pile.comparable:,}" if pile else ""
    return found, {"reversed pairs": told} if told else {}


def main() -> None:
    """Train what is not yet trained, print the table as it grows and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/studies"), help="where models are kept")
    parser.add_argument("--sizes", nargs="+", choices=list(LAYERS), default=list(LAYERS), help="of students")
    arguments = parser.parse_args()
    folder, task = arguments.folder, load_task()
    scored, unlabelled = scored_lists(task, folder)
    labelled = scored.only_columns("label")
    rows: list[dict[str, Any]] = []
    for name, model in teachers_in(folder).items():
        rows.append(row({"system": name, "student": ""}, [measured(task, model)]))
    for size in arguments.sizes:
        place = folder / "pile" / size
        start = student_start(task, folder, TEACHERS[0], size)
        found = {"base": labels_alone(task, labelled, student_start(task, folder, "warm-up", size), place / "base")}
        rows.append(row({"system": "base", "student": size}, found["base"]))
        rows.append(row({"system": "imitation", "student": size}, [measured(task, start)]))
        found["imitation, labels"] = labels_alone(task, labelled, start, place / "imitation, labels")
        against = {"base": found["base"]}
        rows.append(row({"system": "imitation, labels", "student": size}, found["imitation, labels"], against))
        for name in ("single-KD", "AE-KD"):
            learnt = scores_learnt(task, folder, unlabelled, size, WAYS[name][1])
            rows.append(row({"system": f"{name}, unlabelled queries alone", "student": size}, [measured(task, learnt)]))
        for name, (method, teachers) in WAYS.items():
            start = scores_learnt(task, folder, unlabelled, size, teachers)
            against = {"base": found["base"], "the row above": found[list(found)[-1]]}
            found[name], told = distilled(task, scored, start, method, teachers, RATE, place / name)
            rows.append(row({"system": name, "student": size}, found[name], against) | told)
            print(markdown_table(corrected(rows)), flush=True)
    path = write_result("study_pile", typed("benchmarks.studies.pile"), corrected(rows), SEEDS)
    print(f"wrote {path.relative_to(path.parents[2])} and its table")


def labels_alone(task: Task, lists: Candidates, start: Path, folder: Path) -> list[PerQuery]:
    """A student under each seed that learns from labels and no teacher's scores."""
    return [measured(task, trained_student(task, lists, start, LABELS, seed, folder / f"seed{seed}")) for seed in SEEDS]


if __name__ == "__main__":
    main()
