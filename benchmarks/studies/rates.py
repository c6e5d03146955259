"""Choose the learning rate of the studies' students on queries held out: of each kind, by what it begins as.

Run in the project's root: python -m benchmarks.studies.rates   (after python -m benchmarks.studies.teachers)
DL 2019 is not looked at. Killed, it goes on from what is finished.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import rankdistill as rd
from benchmarks.results import markdown_table, write_result
from benchmarks.studies.marco import MsMarco, load_task
from benchmarks.studies.pile import DISTILLED, LABELS, RATE, WAYS, ensembled, layers_cut, scored_lists
from benchmarks.studies.students import LAYERS, SETTINGS, student_start, trained_student
from rankdistill.data import Candidates

TRIED = {
    "base, layers cut": (2e-5, 5e-5, 1e-4, 2e-4),
    "base": (1e-5, 2e-5, 5e-5),
    "PILE-KD": (2e-5, 5e-5),
}
SEEDS = (0,)
SIZE = next(iter(LAYERS))
MEASURES = ["nDCG@10", "PNR"]


def held_out_values(task: MsMarco, lists: Candidates, name: str, rate: float, folder: Path) -> dict[str, float]:
    """What students of a kind, trained at a rate, reach on the queries held out: means over seeds."""
    if name == "base, layers cut":
        start, objective = layers_cut(folder, SIZE), LABELS
    elif name == "base":
        start, objective = student_start(task, folder, "warm-up", SIZE), LABELS
    else:
        start, objective = student_start(task, folder, "teacher1", SIZE), DISTILLED
    found = []
    for seed in SEEDS:
        seen = ensembled(lists, *WAYS[name], RATE, seed)[0] if name in WAYS else lists.only_columns("label")
        where = folder / "rates" / f"{name}, {rate}, seed{seed}"
        model = trained_student(
            task, seen, start, objective, seed, where, settings=replace(SETTINGS, learning_rate=rate)
        )
        scores = rd.score(str(model), task.held_out, task.collection, dtype="auto", store=folder / "scores")
        found.append(rd.evaluate(task.held_out_qrels, task.held_out.with_columns(model=scores), MEASURES, by="model"))
    return {measure: round(float(np.mean([each[measure] for each in found])), 4) for measure in MEASURES}


def main() -> None:
    """Train at every rate, print the table as it grows and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/studies"), help="where models are kept")
    folder = parser.parse_args().folder
    task = load_task()
    lists = task.not_held_out(scored_lists(task, folder))
    rows: list[dict[str, Any]] = []
    for name, rates in TRIED.items():
        for rate in rates:
            facts = {"student": name, "learning rate": rate}
            rows.append(facts | held_out_values(task, lists, name, rate, folder))
            print(markdown_table(rows), flush=True)
    path = write_result("study_rates", "python -m benchmarks.studies.rates", rows, SEEDS)
    print(f"wrote {path.relative_to(path.parents[2])} and its table")


if __name__ == "__main__":
    main()
