"""Re-run PILE's table on real judgments: three teachers, students of two sizes, base / single / AE / PILE.

Run in the project's root: python -m benchmarks.studies.pile   (after python -m benchmarks.studies.teachers)
Students learn on DL 2020 to 2022 and are measured on DL 2019, re-ranking BM25's 100 best. "base" knows no teacher: it
begins as a few layers that imitate the warm-up's states and learns from labels; of "base, layers cut" they are the
warm-up's own. All others begin as a few layers that imitate teacher1's states ("imitation", a first half of
distilling): one row learns from labels from there, the rest from the ensemble's scores and labels. Killed, it goes on
from what is finished. Curves over teachers and rates: `benchmarks.studies.pile_curves`.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import rankdistill as rd
from benchmarks.results import markdown_table, typed, write_result
from benchmarks.studies.marco import load_task
from benchmarks.studies.students import (
    LAYERS,
    SEEDS,
    PerQuery,
    corrected,
    measured,
    row,
    student_lists,
    student_start,
    trained_student,
)
from benchmarks.studies.task import Task
from benchmarks.studies.teachers import SHARES
from rankdistill.data import Candidates
from rankdistill.ensembling import EnsembleReport, EnsembleSettings, ensemble
from rankdistill.models import keep_layers
from rankdistill.recipes import add_teachers
from rankdistill.recipes.papers import ENSEMBLED

TEACHERS = list(SHARES)
LABELS = "hinge(label)"
DISTILLED = ENSEMBLED.format(target="target")
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


def scored_lists(task: Task, folder: Path) -> Candidates:
    """The students' lists with each teacher's scores, all brought to the level of the first's.

    Their objective, differences of scores, leaves a teacher's level open; PILE compares teachers by level.
    """
    scored = add_teachers(student_lists(task), task.collection, teachers_in(folder), store=folder / "scores")
    level = np.mean(scored[TEACHERS[0]])
    return scored.with_columns({name: scored[name] - np.mean(scored[name]) + level for name in TEACHERS})


def ensembled(
    scored: Candidates, method: str, teachers: list[str], rate: float, seed: int
) -> tuple[Candidates, EnsembleReport]:
    """The lists with the ensemble's score as the column "target", and what was done."""
    made, report = ensemble(scored, teachers, EnsembleSettings(method, rate), seed=seed)
    return made.only_columns("label").with_columns(target=made[method]), report


def distilled(
    task: Task,
    scored: Candidates,
    start: Path,
    method: str,
    teachers: list[str],
    rate: float,
    folder: Path,
    objective: str = DISTILLED,
) -> tuple[list[PerQuery], dict[str, Any]]:
    """A way of distilling under each seed; of PILE the pairs found and left reversed, and its nearness to the mean."""
    found = []
    for seed in SEEDS:
        lists, report = ensembled(scored, method, teachers, rate, seed)
        model = trained_student(task, lists, start, objective, seed, folder / f"seed{seed}")
        found.append(measured(task, model))
    if report.pile is None:
        return found, {}
    pairs = f"{report.pile.reversed_before:,} → {report.pile.reversed_after:,} of {report.pile.comparable:,}"
    mean, _ = ensembled(scored, "mean", teachers, rate, seed)
    r = float(np.corrcoef(lists["target"], mean["target"])[0, 1])
    return found, {"reversed pairs": pairs, "r with the mean": round(r, 4)}


def main() -> None:
    """Train what is not yet trained, print the table as it grows and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/studies"), help="where models are kept")
    parser.add_argument("--sizes", nargs="+", choices=list(LAYERS), default=list(LAYERS), help="of students")
    arguments = parser.parse_args()
    folder, task = arguments.folder, load_task()
    scored = scored_lists(task, folder)
    labelled = scored.only_columns("label")
    rows: list[dict[str, Any]] = []
    for name, model in teachers_in(folder).items():
        rows.append(row({"system": name, "student": ""}, [measured(task, model)]))
    for size in arguments.sizes:
        place = folder / "pile" / size
        start = student_start(task, folder, TEACHERS[0], size)
        rows.append(row({"system": "imitation", "student": size}, [measured(task, start)]))
        labels_alone = {
            "base, layers cut": layers_cut(folder, size),
            "base": student_start(task, folder, "warm-up", size),
            "imitation, labels": start,
        }
        found: dict[str, list[PerQuery]] = {}
        for name, begins_as in labels_alone.items():
            found[name] = trained(task, labelled, begins_as, place / name)
            rows.append(row({"system": name, "student": size}, found[name], against=bases(found, name)))
        for name, (method, teachers) in WAYS.items():
            against = bases(found, name) | {"the row above": found[list(found)[-1]]}
            found[name], told = distilled(task, scored, start, method, teachers, RATE, place / name)
            rows.append(row({"system": name, "student": size}, found[name], against) | told)
            print(markdown_table(corrected(rows)), flush=True)
    path = write_result("study_pile", typed("benchmarks.studies.pile"), corrected(rows), SEEDS)
    print(f"wrote {path.relative_to(path.parents[2])} and its table")


def bases(found: Mapping[str, list[PerQuery]], but: str) -> dict[str, list[PerQuery]]:
    """The students that know no teacher, to compare another with."""
    return {name: values for name, values in found.items() if name.startswith("base") and name != but}


def layers_cut(folder: Path, size: str) -> Path:
    """A few layers of the warm-up as they are; the folder of the model."""
    out = folder / "starts" / "layers cut" / size
    if not out.is_dir():
        whole = rd.CrossEncoder.from_pretrained(folder / "warm-up" / "model")
        whole.with_model(keep_layers(whole.model, LAYERS[size])).save(out)
    return out


def trained(task: Task, lists: Candidates, start: Path, folder: Path) -> list[PerQuery]:
    """A student under each seed that learns from labels and no teacher's scores."""
    return [measured(task, trained_student(task, lists, start, LABELS, seed, folder / f"seed{seed}")) for seed in SEEDS]


if __name__ == "__main__":
    main()
