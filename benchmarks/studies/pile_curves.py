"""Draw PILE's curves on real judgments: over the number of teachers, beside their mean, and over the rate λ.

Run in the project's root: python -m benchmarks.studies.pile_curves   (after python -m benchmarks.studies.teachers)
Students of one size learn and are measured as in `benchmarks.studies.pile`; what both need is trained once. Killed, it
resumes after what is finished. Beside the table it writes a picture of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.pictures import save_svg
from benchmarks.results import FOLDER, STUDIES, Folder, Row, run, study
from benchmarks.studies.marco import load_task
from benchmarks.studies.pile import distilled
from benchmarks.studies.rows import CLAIMED, row
from benchmarks.studies.students import (
    DISTILLED,
    LABELS,
    LAYERS,
    RATE,
    SEEDS,
    TEACHERS,
    scored_lists,
    student_start,
)
from rankdistill.ensembling.settings import MethodName

SIZE = next(iter(LAYERS))
SCORES_ALONE = DISTILLED.removeprefix(f"{LABELS} + ")
POINTS: dict[str, tuple[MethodName, int, float, str]] = {
    "single-KD": ("single", 1, 0.0, DISTILLED),
    "AE-KD of 2": ("mean", 2, 0.0, DISTILLED),
    "AE-KD": ("mean", 3, 0.0, DISTILLED),
    "PILE-KD of 2": ("pile", 2, RATE, DISTILLED),
    "PILE-KD": ("pile", 3, RATE, DISTILLED),
    "PILE-KD, λ 0.5": ("pile", 3, 0.5, DISTILLED),
    "AE-KD, scores alone": ("mean", 3, 0.0, SCORES_ALONE),
    "PILE-KD, scores alone": ("pile", 3, RATE, SCORES_ALONE),
}
"""Name, that of the same student in PILE's table -> method, teachers, λ, objective.

Of one teacher, PILE is that teacher; at λ = 0 it is the mean. Without the hinge, only PILE knows the labels."""


def rows(folder: Path) -> Iterator[Row]:
    """A point of the curves each."""
    task = load_task()
    scored, start = scored_lists(task, folder), student_start(task, folder, TEACHERS[0], SIZE)
    for name, (method, n, rate, objective) in POINTS.items():
        place = folder / "pile" / SIZE / name
        seeds, facts = distilled(task.test, scored, start, method, TEACHERS[:n], rate, place, objective)
        yield row({"method": method, "teachers": n, "λ": rate, "objective": objective}, seeds) | facts


def main(*, folder: Folder = STUDIES) -> None:
    """Train what is not yet trained, print the table as it grows, write the result and its picture."""
    points = study("study_pile_curves", rows(folder), SEEDS)
    draw(points, FOLDER / "study_pile_curves.svg")


def draw(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw the students that learn from labels too: a row of axes per measure, one over teachers and one over λ.

    Bars are the standard deviation over seeds.
    """
    curves = [row for row in rows if row["objective"] == DISTILLED]
    mean = [row for row in curves if row["λ"] == 0]
    pile = [row for row in curves if row["λ"] == RATE or row["teachers"] == 1]
    rates = sorted((row for row in curves if row["teachers"] == len(TEACHERS)), key=lambda row: row["λ"])
    figure = Figure(figsize=(7, 5), layout="constrained")
    for axes, measure in zip(figure.subplots(len(CLAIMED), 2, sharey="row"), CLAIMED, strict=True):
        for ax, x, lines in (
            (axes[0], "teachers", {"AE-KD": mean, f"PILE-KD, λ {RATE}": pile}),
            (axes[1], "λ", {f"PILE-KD of {len(TEACHERS)} (0: AE-KD)": rates}),
        ):
            for label, line in lines.items():
                values, bars = [row[measure] for row in line], [row[f"sd({measure})"] for row in line]
                ax.errorbar([row[x] for row in line], values, bars, label=label, marker="o", capsize=3)
            ax.set_xticks(sorted({row[x] for line in lines.values() for row in line}))
            ax.set_xlabel(x)
            ax.legend()
        axes[0].set_ylabel(measure)
    save_svg(figure, path)


if __name__ == "__main__":
    run(main)
