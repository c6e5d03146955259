"""Make the studies' teachers: strong first, since they bound everything.

Run in the project's root: python -m benchmarks.studies.teachers
A shared warm-up learns to match questions and sentences (squad-sentences part 2: part 1 stays unseen), from a start
that ranks by its base's cosine; from it three teachers branch, on all queries of DL 2020 to 2022 and on two draws of
80 % of them (PILE §4.2), learning the order of strong systems' runs and NIST's labels. DL 2019 is measured at the end.
Killed, it goes on from its last checkpoint.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import rankdistill as rd
from benchmarks.results import markdown_table, write_result
from benchmarks.studies.marco import DATA, MsMarco, load_task
from rankdistill.recipes import sample_queries, with_labels
from rankdistill.tasks import Task

LENGTH, SEED = 96, 0
SHARES = {"teacher1": 1.0, "teacher2": 0.8, "teacher3": 0.8}
MATCHING = rd.TrainingSettings(list_size=4, lists_per_batch=16, learning_rate=3e-5, save_steps=50, logging_steps=20)
RANKING = rd.TrainingSettings(
    list_size=8, lists_per_batch=8, learning_rate=3e-5, epochs=10, eval_steps=50, logging_steps=20
)
OBJECTIVE = "ranknet(label) + pairwise_mse(systems)"
MEASURES = ["nDCG@10", "RR(rel=2)@10", "PNR"]


def warm_up(task: MsMarco, folder: Path) -> Path:
    """Learn to match on squad-sentences; the folder of the model."""
    if not (folder / "model").is_dir():
        squad = rd.load_collection(DATA / "squad-sentences")
        run = rd.read_run(squad.runs["bm25.part2.depth20"], column="bm25")
        model = rd.start_model(task.collection, max_length=LENGTH, seed=SEED)
        lists = with_labels(run, squad)
        rd.fit(model, lists, squad, "list_cross_entropy(label)", MATCHING, out=folder)
    return folder / "model"


def teacher(task: MsMarco, name: str, start: Path, folder: Path) -> Path:
    """Branch a teacher from the warm-up, on its share of the queries; the folder of the model."""
    if not (folder / "model").is_dir():
        seed = list(SHARES).index(name)
        lists = sample_queries(task.train, SHARES[name], seed)
        dev = Task(task.collection, task.dev, qrels=task.dev_qrels)
        model = rd.CrossEncoder.from_pretrained(start)
        settings = replace(RANKING, seed=seed)
        rd.fit(model, lists, task.collection, OBJECTIVE, settings, dev=dev, out=folder)
    return folder / "model"


def measured(task: MsMarco, system: str, model: Path | None) -> dict[str, Any]:
    """A row: what a model reaches on BM25's 100 best of DL 2019, and on the dev queries."""
    row: dict[str, Any] = {"system": system}
    for name, run, qrels in (("DL19", task.test, task.test_qrels), ("dev", task.dev, task.dev_qrels)):
        if model is not None:
            run = run.with_columns(model=rd.score(str(model), run, task.collection, dtype="auto"))
        values = rd.evaluate(qrels, run, MEASURES, by="model" if model else "bm25")
        row |= {f"{measure} {name}": round(value, 4) for measure, value in values.items()}
    return row


def main() -> None:
    """Make the warm-up and the teachers, print what they reach and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/studies"), help="where models are kept")
    parser.add_argument("--only", choices=["warm-up", *SHARES], help="make this one and stop")
    arguments = parser.parse_args()
    folder, task = arguments.folder, load_task()
    start = warm_up(task, folder / "warm-up")
    models: dict[str, Path | None] = {"bm25": None, "warm-up": start}
    for name in SHARES:
        if arguments.only in (None, name):
            models[name] = teacher(task, name, start, folder / name)
    rows = []
    for name, model in models.items():
        rows.append(measured(task, name, model))
        print(markdown_table(rows), flush=True)
    if arguments.only is None:
        path = write_result("study_teachers", "python -m benchmarks.studies.teachers", rows, [0, 1, 2])
        print(f"wrote {path.relative_to(path.parents[2])} and its table")


if __name__ == "__main__":
    main()
