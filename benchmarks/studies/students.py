"""What the studies do with students: start, train under an objective, measure query by query, compare."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import rankdistill as rd
from benchmarks.studies.marco import Task
from rankdistill.data import Candidates, atomic_path
from rankdistill.evaluation import compare, evaluation
from rankdistill.models import with_two_logits
from rankdistill.recipes.start import SHRINKING_RATE
from rankdistill.training import TrainingSettings, draw_candidates

LAYERS = {"3+1 layers": (0, 4, 5, 6), "2+1 layers": (0, 5, 6)}
"""Layers of the teachers, six of the base and the one that their start adds, that students keep."""
MEASURES = ("nDCG@10", "DCG@10", "PNR")
SETTINGS = TrainingSettings(list_size=8, lists_per_batch=8, learning_rate=5e-5, epochs=4)
"""The rate is the best of 3e-5, 5e-5 and 1e-4 in PNR on the dev queries, for PILE and one seed. The last weights are
taken: 13 dev queries cannot tell the checkpoints of a student apart."""
CANDIDATES = 48
"""Of a training query, drawn once: what teachers score and students see."""
PerQuery = dict[str, dict[str, float]]


def student_lists(task: Task) -> Candidates:
    """The candidates that students learn from."""
    return draw_candidates(task.train, CANDIDATES, seed=0, labels="label")


def student_start(task: Task, model: Path, size: str, folder: Path) -> Path:
    """A student before it has seen labels or scores: it imitates ``model``'s states on other queries; its folder."""
    if not (folder / "model").is_dir():
        settings = replace(SETTINGS, learning_rate=SHRINKING_RATE, epochs=1)
        teacher = rd.CrossEncoder.from_pretrained(model)
        rd.shrink(teacher, LAYERS[size], task.unlabelled, task.collection, settings, out=folder)
    return folder / "model"


def measured_student(
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
) -> PerQuery:
    """Train a student under an objective and measure it on DL 2019: {measure: {query: value}}, kept in the folder."""
    file = folder / "per_query.json"
    if not file.is_file():
        student = rd.CrossEncoder.from_pretrained(start)
        if n_logits == 2:
            student = with_two_logits(student)
            teacher = with_two_logits(teacher) if teacher else None
        made = replace(settings, seed=seed)
        student = rd.fit(student, lists, task.collection, objective, made, out=folder, teacher=teacher)
        write_per_query(per_query(task, student), file)
    return read_per_query(file)


def per_query(task: Task, model: rd.CrossEncoder) -> PerQuery:
    """What a model reaches on BM25's 100 best of DL 2019: what a paired test compares, {measure: {query: value}}."""
    run = task.test.with_columns(model=rd.score(model, task.test, task.collection, dtype="auto"))
    found = evaluation(task.test_qrels, run, list(MEASURES), by="model")
    return {f"{name} mean": {"": value} for name, value in found.values.items()} | found.shares


def write_per_query(values: PerQuery, file: Path) -> None:
    """Keep values of queries as JSON."""
    with atomic_path(file) as path:
        path.write_text(json.dumps(values))


def read_per_query(file: Path) -> PerQuery:
    """Read what `write_per_query` wrote."""
    found: PerQuery = json.loads(file.read_text())
    return found


def row(
    facts: Mapping[str, Any], seeds: Sequence[PerQuery], against: Sequence[PerQuery] | None = None
) -> dict[str, Any]:
    """A line of a study's table: mean and standard deviation over seeds, and p against another system.

    The test pairs queries, each by its mean over the seeds: seeds of a query are no further queries.
    """
    line = dict(facts)
    for measure in MEASURES:
        values = [seed[f"{measure} mean"][""] for seed in seeds]
        line[measure] = round(float(np.mean(values)), 4)
        if len(values) > 1:
            line[f"sd({measure})"] = round(float(np.std(values, ddof=1)), 4)
        if against is not None:
            test = compare(_over_seeds(seeds, measure), _over_seeds(against, measure))
            line[f"p({measure})"] = float(f"{test.p_value:.3g}")
    return line


def _over_seeds(seeds: Sequence[PerQuery], measure: str) -> dict[str, float]:
    return {query: float(np.mean([seed[measure][query] for seed in seeds])) for query in seeds[0][measure]}
