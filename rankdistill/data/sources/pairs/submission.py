"""Labels of a task in the form that GLUE takes: a line per pair, its number and its label."""

from __future__ import annotations

from pathlib import Path

from rankdistill.arrays import F32
from rankdistill.data.scored_pairs import ScoredPairs
from rankdistill.files.atomic import atomic_path


def write_submission(labels: F32, scored: ScoredPairs, path: str | Path) -> None:
    """Write labels float32 (N,), in the order of the pairs, under the header ``index``, ``prediction``.

    A class is written by its name, or by its number where the task's files have that (``numbered``).
    """
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write("index\tprediction\n")
        file.writelines(f"{number}\t{scored.written(float(label))}\n" for number, label in enumerate(labels))
