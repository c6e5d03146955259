"""Distil a model that matches questions and sentences: learnt on squad-sentences' part 2, measured on part 1.

Run in the project's root: python -m benchmarks.studies.squad   (after python -m benchmarks.studies.teachers)
The teacher is the warm-up of `benchmarks.studies.teachers`, which learnt to match on part 2. Students of a few of its
layers re-rank BM25's 20 best for every 21st question of part 1; the two parts share no article. Killed, it resumes
after what is finished.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import rankdistill as rd
from benchmarks.results import STUDIES, Folder, Row, run, study
from benchmarks.studies.marco import DATA
from benchmarks.studies.rows import PerQuery, corrected, row
from benchmarks.studies.students import (
    DISTILLED,
    LABELS,
    LAYERS,
    SCORING,
    SEEDS,
    free_systems,
    layers_cut,
    measured,
    trained_students,
)
from rankdistill.data import Candidates
from rankdistill.evaluation.conventions import Conventions
from rankdistill.recipes import add_teachers, with_labels
from rankdistill.recipes.start import IMITATION
from rankdistill.tasks import Task

SIZE = next(iter(LAYERS))
IMITATED, LEARNT, TEST = slice(None, None, 6), slice(None, None, 3), slice(None, None, 21)
"""Of part 2's questions those on whose lists the warm-up's states are imitated, of these those learnt from, and of part
1's those measured. Lists have the 20 candidates of BM25, one of which holds the answer if BM25 found it."""


CONVENTIONS = Conventions(unjudged="irrelevant")
"""Of a question's sentences only the one with the answer is judged."""


def load_questions() -> tuple[Candidates, Task]:
    """The lists to learn from, labelled, and the task to measure on; `SystemExit` where the data are not there."""
    if not (DATA / "squad-sentences").is_dir():
        raise SystemExit(f"the study reads {DATA / 'squad-sentences'}, which is not there")
    squad = rd.load_collection(DATA / "squad-sentences")
    train = rd.read_run(squad.runs["bm25.part2.depth20"]).take_queries(IMITATED)
    test = rd.read_run(squad.runs["bm25.part1.depth20"]).take_queries(TEST)
    task = Task(squad, test, conventions=CONVENTIONS)
    return with_labels(task.with_candidates(train)), task


def rows(folder: Path) -> Iterator[Row]:
    """The teacher, its imitation, and students that learn from labels or from the teacher too."""
    (train, test), teacher, place = load_questions(), folder / "warm-up" / "model", folder / "squad"
    if not teacher.is_dir():
        raise SystemExit(f"no {teacher}: run python -m benchmarks.studies.teachers first")
    learnt = train.take_queries(LEARNT)
    lists = add_teachers(learnt, test.collection, {"target": teacher}, SCORING, store=place / "scores")
    imitation = place / "imitation" / "model"
    if not imitation.is_dir():
        whole = rd.CrossEncoder.from_pretrained(teacher)
        rd.imitate(whole, LAYERS[SIZE], train, test.collection, IMITATION, out=imitation.parent)
    for name, values in free_systems(test, "score").items():
        yield row({"system": name}, [values])
    for name, model in {"teacher": teacher, "imitation": imitation}.items():
        yield row({"system": name}, [measured(test, model)])
    students: dict[str, list[PerQuery]] = {}
    for name, start, objective in (
        ("base, layers cut", layers_cut(folder, SIZE), LABELS),
        ("imitation, labels", imitation, LABELS),
        ("single-KD", imitation, DISTILLED),
    ):
        against = dict(students)
        students[name] = trained_students(test, lists, start, objective, place / name)
        yield row({"system": name}, students[name], against)


def main(*, folder: Folder = STUDIES) -> None:
    """Train what is not yet trained, print the table as it grows and write the result."""
    study("study_squad", rows(folder), SEEDS, finish=corrected)


if __name__ == "__main__":
    run(main)
