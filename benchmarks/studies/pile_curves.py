"""Draw PILE's curves on real judgments: over the number of teachers, beside their mean, and over the rate λ.

Run in the project's root: python -m benchmarks.studies.pile_curves   (after python -m benchmarks.studies.teachers)
Students of one size learn and are measured as in `benchmarks.studies.pile`; what both need is trained once. Killed, it
goes on from what is finished. Beside the table it writes a picture of it.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from benchmarks.results import markdown_table, write_result
from benchmarks.studies.marco import load_task
from benchmarks.studies.pile import DISTILLED, LABELS, RATE, TEACHERS, distilled, scored_lists
from benchmarks.studies.students import CLAIMED, LAYERS, SEEDS, row, student_start
from rankdistill.files.atomic import atomic_path

SIZE = next(iter(LAYERS))
SCORES_ALONE = DISTILLED.removeprefix(f"{LABELS} + ")
POINTS: dict[str, tuple[str, int, float, str]] = {  # name, that of the same student in PILE's table -> as in the table
    "single-KD": ("single", 1, 0.0, DISTILLED),
    "AE-KD of 2": ("mean", 2, 0.0, DISTILLED),
    "AE-KD": ("mean", 3, 0.0, DISTILLED),
    "PILE-KD of 2": ("pile", 2, RATE, DISTILLED),
    "PILE-KD": ("pile", 3, RATE, DISTILLED),
    "PILE-KD, λ 0.5": ("pile", 3, 0.5, DISTILLED),
    "AE-KD, scores alone": ("mean", 3, 0.0, SCORES_ALONE),
    "PILE-KD, scores alone": ("pile", 3, RATE, SCORES_ALONE),
}
"""Of one teacher, PILE is that teacher; at λ = 0 it is the mean. Without the hinge, only PILE knows the labels."""


def main() -> None:
    """Train what is not yet trained, print the table as it grows and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/studies"), help="where models are kept")
    folder = parser.parse_args().folder
    task = load_task()
    scored, start = scored_lists(task, folder), student_start(task, folder, TEACHERS[0], SIZE)
    rows: list[dict[str, Any]] = []
    for name, (method, n, rate, objective) in POINTS.items():
        place = folder / "pile" / SIZE / name
        found, told = distilled(task, scored, start, method, TEACHERS[:n], rate, place, objective)
        rows.append(row({"method": method, "teachers": n, "λ": rate, "objective": objective}, found) | told)
        print(markdown_table(rows), flush=True)
    path = write_result("study_pile_curves", "python -m benchmarks.studies.pile_curves", rows, SEEDS)
    draw(rows, path.with_suffix(".svg"))
    print(f"wrote {path.relative_to(path.parents[2])}, its table and its picture")


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
    # the same numbers make the same file
    with matplotlib.rc_context({"svg.hashsalt": path.stem}), atomic_path(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
