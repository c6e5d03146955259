"""What a multi-task distillation ends in: a comparison with single-task students, and the learning curves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from rankdistill.evaluation.report.curves import Curve, write_curves
from rankdistill.files.atomic import atomic_path
from rankdistill.files.finite_json import finite
from rankdistill.recipes.multitask_settings import MultitaskSettings
from rankdistill.tasks import Task
from rankdistill.tasks.compare_runs import compare_tasks
from rankdistill.training.distributed import processes
from rankdistill.training.loop import LOG

RESULT, CURVES = "multitask.json", "curves.html"
TEACHER, OWN_TEACHERS = "teacher", "single-teacher"
TEACHERS = {"shared": TEACHER, "own": OWN_TEACHERS}
"""Kind of teachers -> their folder."""
MKD, SINGLE = "mkd", "single"
DISTILLED, TUNED = "distilled", "tuned"
"""Folders of the steps; those of students are numbered by their seeds, as mkd0/distilled."""


def write_result(
    held_out: Mapping[str, Task], out: Path, seeds: Sequence[int], settings: MultitaskSettings
) -> dict[str, Any]:
    """Compare the students of all seeds, write `RESULT` and `CURVES` into ``out``, and return the result."""
    last = DISTILLED if settings.tune == "none" else TUNED
    systems = (SINGLE, MKD) if settings.single != "none" else (MKD, MKD)
    runs = {
        task: {name: [out / f"{name}{seed}" / last / task / "run.trec.gz" for seed in seeds] for name in systems}
        for task in held_out
    }
    measures, mean = compare_tasks(held_out, runs, systems)
    result: dict[str, Any] = {"tasks": {}, "mean": mean}
    for name, task in held_out.items():
        first = task.measures[0]
        facts = {"collection": task.name, "kind": task.kind, "measure": first, "examples": task.n_examples}
        facts |= {**measures[name][first], "measures": measures[name]}
        facts["teacher"] = _metric(out / TEACHERS[settings.joint_teachers] / name, first)
        steps = [_metric(out / f"{MKD}{seed}" / DISTILLED / name, first) for seed in seeds]
        known = [value for value in steps if value is not None]
        facts["distilled"] = float(np.mean(known)) if known else None
        result["tasks"][name] = facts
    if settings.single == "none":
        for facts in (mean, *result["tasks"].values(), *(each for task in measures.values() for each in task.values())):
            for name in ("difference", "interval", "p_value"):
                facts.pop(name, None)
    result |= {"seeds": list(seeds), "settings": asdict(settings)}
    if processes()[0] == 0:
        with atomic_path(out / RESULT) as path:
            path.write_text(json.dumps(finite(result), indent=1) + "\n", encoding="utf-8")
        write_curves(_curves(held_out, out, seeds[0], settings), out / CURVES, "Learning curves, task by task")
    return result


def _curves(
    held_out: Mapping[str, Task], out: Path, seed: int, settings: MultitaskSettings
) -> dict[str, dict[str, list[Curve]]]:
    """Task -> title of a chart -> the curves in it, of the trainings by the first seed."""
    alone = {name: out / f"{SINGLE}{seed}" / DISTILLED / name for name in held_out}
    charts: dict[str, dict[str, list[Curve]]] = {}
    for name, task in held_out.items():
        shared, own = ("teacher of all tasks", out / TEACHER), ("teacher of this task", out / OWN_TEACHERS / name)
        logs = dict({"shared": shared, "own": own}[kind] for kind in settings.kinds_of_teachers)
        logs |= {"student of all tasks": out / f"{MKD}{seed}" / DISTILLED}
        if settings.single != "none":
            logs["student of this task"] = alone[name]
        entries = {title: json.loads((folder / LOG).read_text(encoding="utf-8")) for title, folder in logs.items()}
        first = task.measures[0]
        measured = [_curve(title, log, [f"eval_{name}_{first}"]) for title, log in entries.items()]
        students = {title: log for title, log in entries.items() if title.startswith("student")}
        losses = [
            _curve(title, log, [key for key in _keys(log) if key.startswith(f"{name}: ")])
            for title, log in students.items()
        ]
        charts[name] = {f"{first}, measured in training": measured, "students' losses in training": losses}
    return {name: {title: [c for c in each if c.points] for title, each in of.items()} for name, of in charts.items()}


def _curve(title: str, log: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> Curve:
    """The sum of some values of a log, over the share of the training that is done."""
    last = max((entry["step"] for entry in log), default=1)
    points = [(entry["step"] / last, sum(entry[key] for key in keys)) for entry in log if keys and keys[0] in entry]
    return Curve(title, points)


def _keys(log: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(key for entry in log for key in entry))


def _metric(folder: Path, measure: str) -> float | None:
    """A measure of the model in a folder; None where it was not measured."""
    file = folder / "metrics.json"
    value: float | None = json.loads(file.read_text(encoding="utf-8"))[measure] if file.is_file() else None
    return value
