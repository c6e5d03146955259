"""What the studies do with students: start, train under an objective, measure query by query, compare."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

import rankdistill as rd
from benchmarks.studies.marco import MsMarco
from benchmarks.studies.task import Task
from rankdistill.data import Candidates, read_candidates, write_candidates
from rankdistill.evaluation import Conventions, compare, evaluation, holm
from rankdistill.files.facts import claim
from rankdistill.models import with_two_logits
from rankdistill.recipes.start import IMITATION
from rankdistill.training import TrainingSettings, draw_candidates

LAYERS = {"3+1 layers": (0, 4, 5, 6), "2+1 layers": (0, 5, 6)}
"""Layers of the teachers, six of the base and the one that their start adds, that students keep."""
MEASURES = ("nDCG@10", "DCG@10", "PNR", "PNR(avg=macro)")
CLAIMED = ("nDCG@10", "PNR")
"""Measures that differences are tested in, and whose deviation over seeds is told."""
SEEDS = (0, 1, 2)
"""Each draws other lists, in another order; the start and the teachers are the same."""
SETTINGS = TrainingSettings(list_size=8, lists_per_batch=8, learning_rate=5e-5, epochs=8, max_steps=85)
"""Of all students: 85 updates, four lists of each of 170 queries where all can be learnt from. The rate is that of
`benchmarks.studies.rates`. The last weights are taken: 39 queries held out cannot tell checkpoints apart."""
CANDIDATES = 48
"""Of a training query, drawn once: what teachers score and students see."""
PerQuery = dict[str, dict[str, float]]


def student_lists(task: Task) -> Candidates:
    """The candidates that students learn from."""
    return draw_candidates(task.train, CANDIDATES, seed=0, labels="label")


def student_start(task: MsMarco, folder: Path, model: str, size: str) -> Path:
    """What students begin as: a few layers that imitate a model's states, on other queries and on DL's; its folder.

    model: "warm-up", which has seen no list of MS MARCO, or a teacher, whose imitation is a first distillation. No
    label is read, and no query that is held out.
    """
    whole, start = rd.CrossEncoder.from_pretrained(folder / model / "model"), None
    for name, lists, epochs in (("other queries", task.unlabelled, 1), ("DL's", task.not_held_out(task.train), 12)):
        settings, out = replace(IMITATION, epochs=epochs), folder / "starts" / model / size / name
        if not (out / "model").is_dir():
            rd.imitate(whole, LAYERS[size], lists, task.collection, settings, start=start, out=out)
        start = rd.CrossEncoder.from_pretrained(out / "model")
    return out / "model"


def trained_student(
    task: Task,
    lists: Candidates,
    start: Path,
    objective: str,
    seed: int,
    folder: Path,
    *,
    teacher: rd.CrossEncoder | None = None,
    n_logits: int = 1,
    settings: TrainingSettings = SETTINGS,
) -> Path:
    """Train a student under an objective, or find it trained; the folder of the model.

    Raises `UsageError` where the folder has a student of other settings, lists, start or teacher.
    """
    settings = replace(settings, seed=seed)
    student = rd.CrossEncoder.from_pretrained(start)
    facts = {
        "objective": objective,
        "logits": n_logits,
        "settings": asdict(settings),
        "start": student.fingerprint(),
        "teacher": teacher and teacher.fingerprint(),
        "lists": _digest(lists),
    }
    claim(folder, "a student", facts)
    if not (folder / "model").is_dir():
        if n_logits == 2:
            student = with_two_logits(student)
            teacher = with_two_logits(teacher) if teacher else None
        rd.fit(student, lists, task.collection, objective, settings, out=folder, teacher=teacher)
    return folder / "model"


def measured(task: Task, model: Path) -> PerQuery:
    """What a model reaches on the test candidates, query by query; its scores are kept beside it."""
    file = model.with_name(f"{task.collection.name}.parquet")
    if not file.is_file() or file.stat().st_mtime < (model / "model.safetensors").stat().st_mtime:
        scores = rd.score(str(model), task.test, task.collection, dtype="auto")
        write_candidates(task.test.only_columns().with_columns(score=scores), file)
    found = evaluation(task.test_qrels, read_candidates(file), list(MEASURES), "score", Conventions(task.unjudged))
    return {f"{name} mean": {"": value} for name, value in found.values.items()} | found.shares


def row(
    facts: Mapping[str, Any], seeds: Sequence[PerQuery], against: Mapping[str, Sequence[PerQuery]] | None = None
) -> dict[str, Any]:
    """A line of a study's table: mean and standard deviation over seeds, and p against other systems, by their names.

    The test pairs queries, each by its mean over the seeds: seeds of a query are no further queries.
    """
    line = dict(facts)
    for measure in MEASURES:
        values = [seed[f"{measure} mean"][""] for seed in seeds]
        line[measure] = round(float(np.mean(values)), 4)
        if len(values) > 1 and measure in CLAIMED:
            line[f"sd({measure})"] = round(float(np.std(values, ddof=1)), 4)
    for name, others in (against or {}).items():
        for measure in CLAIMED:
            test = compare(_over_seeds(seeds, measure), _over_seeds(others, measure))
            line[f"p({measure}) {name}"] = test.p_value
    return line


def corrected(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows of a table with each column of p-values corrected for their number by Holm's method."""
    made = [dict(row) for row in rows]
    for column in dict.fromkeys(name for row in made for name in row if name.startswith("p(")):
        tested = [row for row in made if column in row]
        for row, p in zip(tested, holm([row[column] for row in tested]), strict=True):
            row[column] = float(f"{p:.3g}")
    return made


def _over_seeds(seeds: Sequence[PerQuery], measure: str) -> dict[str, float]:
    return {query: float(np.mean([seed[measure][query] for seed in seeds])) for query in seeds[0][measure]}


def _digest(lists: Candidates) -> str:
    made = hashlib.sha256(repr((lists.query_ids.to_pylist(), lists.doc_ids.to_pylist())).encode())
    for name in sorted(lists.columns):
        made.update(name.encode() + np.ascontiguousarray(lists[name]).tobytes())
    return made.hexdigest()
