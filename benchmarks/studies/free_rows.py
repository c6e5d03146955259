"""What costs nothing: BM25, and the cosine of the base encoder as it is, on the candidates that the studies measure on.

Run in the project's root: python -m benchmarks.studies.free_rows
Every student and teacher of the studies re-ranks these lists, so these are the rows to hold beside theirs.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.results import Row, run, study
from benchmarks.studies.marco import load_task
from benchmarks.studies.rows import row
from benchmarks.studies.squad import load_questions
from benchmarks.studies.students import FREE, free_systems
from rankdistill.tasks import Task


def free_rows(name: str, task: Task, bm25: str) -> Iterator[Row]:
    """The rows of a task. bm25: the column of BM25's scores."""
    systems = free_systems(task, bm25)
    yield row({"lists": name, "system": "BM25"}, [systems["BM25"]])
    yield row({"lists": name, "system": FREE}, [systems[FREE]], {"BM25": [systems["BM25"]]})


def rows() -> Iterator[Row]:
    """DL 2019, the held-out queries of the other years, and squad-sentences."""
    marco = load_task()
    yield from free_rows("DL 2019, BM25's 100 best", marco.test, "bm25")
    yield from free_rows("held-out queries of DL 2020 and 2021", marco.held_out, "bm25")
    yield from free_rows("squad-sentences part 1, BM25's 20 best", load_questions()[1], "score")


def main() -> None:
    """Print the table as it grows and write the result."""
    study("study_free_rows", rows())


if __name__ == "__main__":
    run(main)
