"""Draw quality against cost from committed results: what a student keeps, and how fast it is.

Left, from the studies on TREC DL 2019: nDCG@10 over the number of layers, beside what needs no training (the first
stage, and the encoder's cosine). Right, from the benchmark of engines: pairs scored a second by four layers, and how
far their order agrees with that in float32, Kendall's τ. Nothing is measured here.

Run in the project's root: python -m benchmarks.quality_picture
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.pictures import save_svg
from benchmarks.results import FOLDER, run

PICTURE = FOLDER.parent.parent / "docs" / "images" / "quality-speed.svg"
TEACHER_LAYERS = 7
FREE = {"BM25": "BM25, the first stage", "cosine of the base encoder": "the encoder's cosine"}
STUDENTS = {
    "PILE-KD": "PILE of three teachers, and labels",
    "base": "labels alone",
    "base, layers cut": "labels alone, no imitation before",
}
OURS, THEIRS, GREY = "#1b6ca8", "#9a9a9a", "#555555"


def main() -> None:
    """Read the results, draw the picture and write it."""
    free, students, engines = (_rows(name) for name in ("study_free_rows", "study_pile", "scoring_speed"))
    figure = Figure(figsize=(9.6, 4.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    draw_quality(left, free, students)
    draw_speed(right, engines)
    PICTURE.parent.mkdir(exist_ok=True)
    save_svg(figure, PICTURE)
    print(f"wrote {PICTURE.relative_to(FOLDER.parent.parent)}")


def draw_quality(ax: Axes, free_rows: Sequence[Mapping[str, Any]], students: Sequence[Mapping[str, Any]]) -> None:
    """Draw nDCG@10 on DL 2019 over layers; rows of the same student in several sizes are one line."""
    free = {row["system"]: row["nDCG@10"] for row in free_rows if row["lists"].startswith("DL 2019")}
    for system, label in FREE.items():
        ax.axhline(free[system], color=GREY, linestyle="--", linewidth=1)
        text = f"{label}, {_short(free[system])}"
        ax.annotate(text, (7.4, free[system]), (0, -11), textcoords="offset points", ha="right", fontsize=9)
    scores = [row["nDCG@10"] for row in students if row["system"].startswith("teacher")]
    ax.plot([TEACHER_LAYERS] * len(scores), scores, "s", color="black", label="the three teachers")
    for (system, label), style in zip(STUDENTS.items(), ("-o", "-^", "-v"), strict=True):
        sizes = [row for row in students if row["system"] == system]
        layers = [layers_of(row["student"]) for row in sizes]
        ax.errorbar(
            layers, [row["nDCG@10"] for row in sizes], [row["sd(nDCG@10)"] for row in sizes], fmt=style, label=label
        )
    ax.set(xlim=(2.5, 7.5), ylim=(0.4, 0.69), xticks=range(3, 8), xlabel="layers", ylabel="nDCG@10, TREC DL 2019")
    ax.set_title("Quality: students re-rank BM25's 100 best", fontsize=11)
    ax.legend(fontsize=8, loc="lower right")


def draw_speed(ax: Axes, engines: Sequence[Mapping[str, Any]]) -> None:
    """Draw pairs scored a second as a bar for each engine, with its agreement with float32."""
    ordered = sorted(engines, key=lambda row: row["pairs/s"])
    ours = ["rankdistill" in row["system"] for row in ordered]
    names = [row["system"].removeprefix("rankdistill ").replace(", ", ",\n") for row in ordered]
    bars = ax.barh(names, [row["pairs/s"] for row in ordered], color=[OURS if own else THEIRS for own in ours])
    ax.bar_label(bars, [f"{row['pairs/s']}  (τ {row['τ']:.2f})" for row in ordered], padding=3, fontsize=8)
    ax.set(xlabel="pairs scored a second, two CPU cores", xlim=(0, 1.7 * ordered[-1]["pairs/s"]))
    ax.set_title("Speed: four layers, by engine; τ with float32", fontsize=11)
    ax.tick_params(axis="y", labelsize=8)


def layers_of(student: str) -> int:
    """Count the layers of a student named as in the study, ``3+1 layers``."""
    return sum(map(int, re.findall(r"\d+", student)))


def _rows(name: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(Path(FOLDER / f"{name}.json").read_text(encoding="utf-8"))["rows"]
    return rows


def _short(value: float) -> str:
    """Three decimals without the zero before the point, as the tables have it."""
    return f"{value:.3f}".lstrip("0")


if __name__ == "__main__":
    run(main)
