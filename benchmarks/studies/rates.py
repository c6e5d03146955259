"""Choose the learning rate of the studies' students on queries held out: of those from labels, and from teachers.

Run in the project's root: python -m benchmarks.studies.rates   (after python -m benchmarks.studies.teachers)
DL 2019 is not looked at. Killed, it goes on from what is finished.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np

import rankdistill as rd
from benchmarks.results import markdown_table, write_result
from benchmarks.studies.marco import load_task
from benchmarks.studies.pile import DISTILLED, LABELS, RATE, WAYS, ensembled, scored_lists
from benchmarks.studies.students import LAYERS, SETTINGS, student_start, trained_student

LEARNING_RATES = (5e-5, 1e-4, 2e-4)
SEEDS = (0,)
SIZE = next(iter(LAYERS))
MEASURES = ["nDCG@10", "PNR"]


def main() -> None:
    """Train at every rate, print the table as it grows and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/studies"), help="where models are kept")
    folder = parser.parse_args().folder
    task = load_task()
    scored = task.not_held_out(scored_lists(task, folder))
    ways = {"base": ("warm-up", LABELS), "PILE-KD": ("teacher1", DISTILLED)}
    rows = []
    for (name, (begins_as, objective)), rate in product(ways.items(), LEARNING_RATES):
        start = student_start(task, folder, begins_as, SIZE)
        values: dict[str, list[float]] = {measure: [] for measure in MEASURES}
        for seed in SEEDS:
            lists, _ = ensembled(scored, *WAYS["PILE-KD"], RATE, seed)
            lists = lists if "target" in objective else lists.only_columns("label")
            where = folder / "rates" / f"{name}, {rate}, seed{seed}"
            settings = replace(SETTINGS, learning_rate=rate)
            model = trained_student(task, lists, start, objective, seed, where, settings=settings)
            scores = rd.score(str(model), task.held_out, task.collection, dtype="auto")
            found = rd.evaluate(task.held_out_qrels, task.held_out.with_columns(model=scores), MEASURES, by="model")
            for measure, value in found.items():
                values[measure].append(value)
        row = {measure: round(float(np.mean(each)), 4) for measure, each in values.items()}
        rows.append({"student": name, "learning rate": rate} | row)
        print(markdown_table(rows), flush=True)
    path = write_result("study_rates", "python -m benchmarks.studies.rates", rows, SEEDS)
    print(f"wrote {path.relative_to(path.parents[2])} and its table")


if __name__ == "__main__":
    main()
