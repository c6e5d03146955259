"""Distil a model that matches questions and sentences: learnt on squad-sentences' part 2, measured on part 1.

Run in the project's root: python -m benchmarks.studies.squad   (after python -m benchmarks.studies.teachers)
The teacher is the warm-up of `benchmarks.studies.teachers`, which learnt to match on part 2. Students of a few of its
layers re-rank BM25's 20 best for every 21st question of part 1; the two parts share no article. Killed, it goes on from
what is finished.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import rankdistill as rd
from benchmarks.results import markdown_table, write_result
from benchmarks.studies.marco import DATA
from benchmarks.studies.pile import DISTILLED, LABELS, layers_cut
from benchmarks.studies.students import LAYERS, SEEDS, corrected, measured, row, trained_student
from benchmarks.studies.task import Task
from rankdistill.recipes import add_teachers, with_labels
from rankdistill.recipes.start import IMITATION

SIZE = next(iter(LAYERS))
IMITATED, LEARNT, TEST = slice(None, None, 6), slice(None, None, 3), slice(None, None, 21)
"""Of part 2's questions those on whose lists the warm-up's states are imitated, of these those learnt from, and of part
1's those measured. Lists have the 20 candidates of BM25, one of which holds the answer if it was found."""


class Questions(Task):
    """Of a question's sentences only the one with the answer is judged."""

    unjudged = "irrelevant"


def load_questions() -> Questions:
    """Read everything; `SystemExit` where the data are not there."""
    if not (DATA / "squad-sentences").is_dir():
        raise SystemExit(f"the study reads {DATA / 'squad-sentences'}, which is not there")
    squad = rd.load_collection(DATA / "squad-sentences")
    train = rd.read_run(squad.runs["bm25.part2.depth20"]).take_queries(IMITATED)
    test = rd.read_run(squad.runs["bm25.part1.depth20"]).take_queries(TEST)
    assert squad.qrels is not None  # the folder has them
    return Questions(squad, with_labels(train, squad), test, squad.qrels.take_queries(test.query_ids.to_pylist()))


def main() -> None:
    """Train what is not yet trained, print the table as it grows and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/studies"), help="where models are kept")
    folder = parser.parse_args().folder
    task, teacher, place = load_questions(), folder / "warm-up" / "model", folder / "squad"
    if not teacher.is_dir():
        raise SystemExit(f"no {teacher}: run python -m benchmarks.studies.teachers first")
    learnt = task.train.take_queries(LEARNT)
    lists = add_teachers(learnt, task.collection, {"target": teacher}, store=place / "scores")
    imitation = place / "imitation" / "model"
    if not imitation.is_dir():
        whole = rd.CrossEncoder.from_pretrained(teacher)
        rd.imitate(whole, LAYERS[SIZE], task.train, task.collection, IMITATION, out=imitation.parent)
    rows: list[dict[str, Any]] = []
    for name, model in {"teacher": teacher, "imitation": imitation}.items():
        rows.append(row({"system": name}, [measured(task, model)]))
    found: dict[str, list[Any]] = {}
    for name, start, objective in (
        ("base, layers cut", layers_cut(folder, SIZE), LABELS),
        ("imitation, labels", imitation, LABELS),
        ("single-KD", imitation, DISTILLED),
    ):
        models = [trained_student(task, lists, start, objective, seed, place / name / f"seed{seed}") for seed in SEEDS]
        found[name] = [measured(task, model) for model in models]
        against = {other: found[other] for other in ("base, layers cut", "imitation, labels") if other in found}
        against.pop(name, None)
        rows.append(row({"system": name}, found[name], against))
        print(markdown_table(corrected(rows)), flush=True)
    path = write_result("study_squad", "python -m benchmarks.studies.squad", corrected(rows), SEEDS)
    print(f"wrote {path.relative_to(path.parents[2])} and its table")


if __name__ == "__main__":
    main()
