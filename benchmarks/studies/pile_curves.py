"""Draw PILE's curves on real judgments: over the number of teachers, and over the rate λ.

Run in the project's root: python -m benchmarks.studies.pile_curves   (after python -m benchmarks.studies.pile)
Students of one size learn and are measured as there; what both need is trained once. Killed, it goes on from what is
finished.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmarks.results import markdown_table, write_result
from benchmarks.studies.marco import load_task
from benchmarks.studies.pile import DISTILLED, SEEDS, TEACHERS, WAYS, seeds_of, targets, teachers_in
from benchmarks.studies.students import LAYERS, row, student_lists, student_start
from rankdistill.recipes import add_teachers

SIZE = next(iter(LAYERS))
RATES = (0.1, 0.5)
"""Beside PILE's own, 0.9."""


def main() -> None:
    """Train what is not yet trained, print the table as it grows and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/studies"), help="where models are kept")
    folder = parser.parse_args().folder
    task, models = load_task(), teachers_in(folder)
    scored = add_teachers(student_lists(task), task.collection, models, store=folder / "scores")
    place = folder / "pile" / SIZE
    start = student_start(task, models[TEACHERS[0]], SIZE, place / "start")
    method, every, usual = WAYS["PILE-KD"]
    points = [(every[:n], usual) for n in range(1, len(every) + 1)] + [(every, rate) for rate in RATES]
    rows: list[dict[str, Any]] = []
    for teachers, rate in points:
        known = (method, teachers, rate) == WAYS["PILE-KD"]
        where = place / ("PILE-KD" if known else f"PILE-KD of {len(teachers)}, rate {rate}")
        found = seeds_of(task, targets(scored, method, teachers, rate), start, DISTILLED, where)
        rows.append(row({"teachers": len(teachers), "λ": rate}, found))
        print(markdown_table(rows), flush=True)
    path = write_result("study_pile_curves", "python -m benchmarks.studies.pile_curves", rows, SEEDS)
    print(f"wrote {path.relative_to(path.parents[2])} and its table")


if __name__ == "__main__":
    main()
