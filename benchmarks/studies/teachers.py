"""Make the studies' teachers: strong first, since they bound everything.

Run in the project's root: python -m benchmarks.studies.teachers
A shared warm-up learns to match questions and sentences (squad-sentences part 2: part 1 stays unseen), from a start
that ranks by its base's cosine; from it three teachers branch, on all queries of DL 2020 to 2022 and on two draws of 80
% of them (PILE §4.2), learning the order of strong systems' runs and NIST's labels. DL 2019 is measured at the end.
Killed, it resumes from its last checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

import rankdistill as rd
from benchmarks.results import STUDIES, Folder, Row, markdown_table, run, study
from benchmarks.studies.marco import DATA, MsMarco, load_task
from rankdistill.errors import UnknownNameError
from rankdistill.evaluation.conventions import Conventions
from rankdistill.recipes import sample_queries, with_labels
from rankdistill.tasks import Task

LENGTH, SEED = 96, 0
SHARES = {"teacher1": 1.0, "teacher2": 0.8, "teacher3": 0.8}
MATCHING = rd.TrainingSettings(list_size=4, lists_per_batch=16, learning_rate=3e-5, save_steps=50, logging_steps=20)
RANKING = rd.TrainingSettings(
    list_size=8, lists_per_batch=8, learning_rate=3e-5, epochs=10, eval_steps=50, logging_steps=20
)
OBJECTIVE = "ranknet(label) + pairwise_mse(systems)"
MEASURES = ("nDCG@10", "RR(rel=2)@10", "PNR")


def warm_up(task: MsMarco, folder: Path) -> Path:
    """Learn to match on squad-sentences; the folder of the model."""
    if not (folder / "model").is_dir():
        squad = rd.load_collection(DATA / "squad-sentences")
        candidates = rd.read_run(squad.runs["bm25.part2.depth20"], column="bm25")
        matching = Task(squad, candidates, conventions=Conventions(unjudged="irrelevant"))
        model = rd.start_model(task.collection, max_length=LENGTH, seed=SEED)
        rd.fit(model, with_labels(matching), squad, "list_cross_entropy(label)", MATCHING, out=folder)
    return folder / "model"


def teacher(task: MsMarco, name: str, start: Path, folder: Path) -> Path:
    """Branch a teacher from the warm-up, on its share of the queries; the folder of the model."""
    if not (folder / "model").is_dir():
        seed = list(SHARES).index(name)
        lists = sample_queries(task.train, SHARES[name], seed)
        model = rd.CrossEncoder.from_pretrained(start)
        settings = replace(RANKING, seed=seed)
        rd.fit(model, lists, task.collection, OBJECTIVE, settings, dev=task.dev, out=folder)
    return folder / "model"


def measured(task: MsMarco, system: str, model: Path | None) -> Row:
    """A row: what a model reaches on BM25's 100 best of DL 2019, and on the dev queries.

    Of None what is free: BM25, or the cosine of the base encoder for any other system.
    """
    row: Row = {"system": system}
    for name, part in (("DL19", task.test), ("dev", task.dev)):
        if model is None and system == "bm25":
            scores = part.candidates["bm25"]
        elif model is None:
            scores = rd.cosine(part.candidates, task.collection)
        else:
            scores = rd.score(str(model), part.candidates, task.collection, dtype="auto")
        values = replace(part, measures=MEASURES).evaluation(scores).values
        row |= {f"{measure} {name}": round(value, 4) for measure, value in values.items()}
    return row


def rows(folder: Path, only: str | None = None) -> Iterator[Row]:
    """BM25, the warm-up and the teachers."""
    task = load_task()
    start = warm_up(task, folder / "warm-up")
    models: dict[str, Path | None] = {"bm25": None, "cosine of the base encoder": None, "warm-up": start}
    for name in SHARES:
        if only in (None, name):
            models[name] = teacher(task, name, start, folder / name)
    for name, model in models.items():
        yield measured(task, name, model)


def main(
    *,
    folder: Folder = STUDIES,
    only: Annotated[
        str | None, Parameter(help="Train this one, warm-up or a teacher, show what it reaches and stop.")
    ] = None,
) -> None:
    """Train the warm-up and the teachers, print what they reach and write the result."""
    if only and only not in ("warm-up", *SHARES):
        raise UnknownNameError("model", only, ("warm-up", *SHARES))
    if only is None:
        study("study_teachers", rows(folder), [0, 1, 2])
    else:
        print(markdown_table(list(rows(folder, only))))


if __name__ == "__main__":
    run(main)
