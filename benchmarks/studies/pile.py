"""Re-run PILE's table on real judgments: three teachers, students of two sizes, base / single / AE / PILE.

Run in the project's root: python -m benchmarks.studies.pile   (after python -m benchmarks.studies.teachers)
Students learn on DL 2020 to 2022 and are measured on DL 2019, re-ranking BM25's 100 best. Killed, it goes on from what
is finished. Curves over teachers and rates are drawn by `benchmarks.studies.pile_curves`.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path
from typing import Any

import rankdistill as rd
from benchmarks.results import markdown_table, write_result
from benchmarks.studies.marco import Task, load_task
from benchmarks.studies.students import (
    LAYERS,
    PerQuery,
    measured_student,
    per_query,
    read_per_query,
    row,
    student_lists,
    student_start,
    write_per_query,
)
from benchmarks.studies.teachers import SHARES
from rankdistill.data import Candidates
from rankdistill.ensembling import ensemble
from rankdistill.recipes import add_teachers

SEEDS = (0, 1, 2)
TEACHERS = list(SHARES)
DISTILLED = "hinge(label) + pointwise_mse(target) + pairwise_mse(target)"
WAYS: dict[str, tuple[str, list[str], float]] = {  # name -> method, teachers, rate
    "single-KD": ("single", TEACHERS[:1], 0.9),
    "AE-KD": ("mean", TEACHERS, 0.9),
    "PILE-KD": ("pile", TEACHERS, 0.9),
}


def targets(scored: Candidates, method: str, teachers: list[str], rate: float) -> Candidates:
    """The lists with the ensemble's score as the column "target"."""
    made, _ = ensemble(scored, teachers, method, rate=rate, seed=0)
    return made.with_columns(target=made[method])


def seeds_of(task: Task, lists: Candidates, start: Path, objective: str, folder: Path) -> list[PerQuery]:
    """A way of distilling under each seed."""
    return [measured_student(task, lists, start, objective, seed, folder / f"seed{seed}") for seed in SEEDS]


def teachers_in(folder: Path) -> dict[str, Path]:
    """The teachers' models, by name; `SystemExit` where they are not made."""
    models = {name: folder / name / "model" for name in TEACHERS}
    if missing := [name for name, model in models.items() if not model.is_dir()]:
        raise SystemExit(f"no {', '.join(missing)} in {folder}: run python -m benchmarks.studies.teachers first")
    return models


def main() -> None:
    """Train what is not yet trained, print the table as it grows and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/studies"), help="where models are kept")
    folder = parser.parse_args().folder
    task, models = load_task(), teachers_in(folder)
    rows: list[dict[str, Any]] = []
    for name, model in models.items():
        file = folder / name / "per_query.json"
        if not file.is_file():
            write_per_query(per_query(task, rd.CrossEncoder.from_pretrained(model)), file)
        rows.append(row({"system": name, "student": ""}, [read_per_query(file)]))
    scored = add_teachers(student_lists(task), task.collection, models, store=folder / "scores")
    bases = {}
    for size, name in product(LAYERS, ("base", *WAYS)):
        place = folder / "pile" / size
        start = student_start(task, models[TEACHERS[0]], size, place / "start")
        if name == "base":
            found = bases[size] = seeds_of(task, scored, start, "hinge(label)", place / name)
        else:
            lists = targets(scored, *WAYS[name])
            found = seeds_of(task, lists, start, DISTILLED, place / name)
        rows.append(row({"system": name, "student": size}, found, None if name == "base" else bases[size]))
        print(markdown_table(rows), flush=True)
    path = write_result("study_pile", "python -m benchmarks.studies.pile", rows, SEEDS)
    print(f"wrote {path.relative_to(path.parents[2])} and its table")


if __name__ == "__main__":
    main()
