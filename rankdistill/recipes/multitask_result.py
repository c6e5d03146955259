"""What a multi-task distillation ends in: a comparison with single-task students, and the learning curves."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from rankdistill.errors import UsageError
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
STEP = re.compile(rf"({TEACHER}|{OWN_TEACHERS}|({MKD}|{SINGLE})\d+/({DISTILLED}|{TUNED}))/[^/]+")
"""The folder of a task in that of a step."""


def check_no_others(out: Path, tasks: Collection[str], seeds: Sequence[int], settings: MultitaskSettings) -> None:
    """Raise `UsageError`, before any work, where ``out`` holds models that this call would leave beside its own.

    They are of tasks, seeds or steps of an earlier call that this one does not have. Those that it has are trained
    anew where anything of them changed.
    """
    ours = {f"{TEACHERS[kind]}/{task}" for kind in settings.kinds_of_teachers for task in tasks}
    for seed in seeds:
        ours |= {f"{MKD}{seed}/{DISTILLED}/{task}" for task in settings.joint_of(tasks)}
        if settings.single != "none":
            ours |= {f"{SINGLE}{seed}/{DISTILLED}/{task}" for task in tasks}
        if settings.tune != "none":
            systems = (MKD, SINGLE) if settings.single != "none" else (MKD,)
            ours |= {f"{system}{seed}/{TUNED}/{task}" for system in systems for task in tasks}
    models = [*out.glob("*/*/model"), *out.glob("*/*/*/model")]
    found = {model.parent.relative_to(out).as_posix() for model in models}
    if others := sorted(folder for folder in found - ours if STEP.fullmatch(folder)):
        raise UsageError(
            f"{out} holds {', '.join(others)} of an earlier call with other tasks, seeds or settings, which would stay "
            "beside the models of this one: delete these folders, or give another folder"
        )


def write_result(
    held_out: Mapping[str, Task],
    out: Path,
    seeds: Sequence[int],
    settings: MultitaskSettings,
    told: Mapping[str, Any],
) -> dict[str, Any]:
    """Compare the students of all seeds, write `RESULT` and `CURVES` into ``out``, and return the result.

    told: what else the result is the result of.
    """
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
        facts: dict[str, Any] = {"collection": task.name, "splits": asdict(task.splits), "kind": task.kind}
        facts |= {"measure": first, "examples": task.n_examples}
        facts |= {**measures[name][first], "measures": measures[name]}
        facts["teachers"] = {kind: _metric(out / TEACHERS[kind] / name, first) for kind in settings.kinds_of_teachers}
        joint = settings.joint_of([name])
        steps = [_metric(out / f"{MKD}{seed}" / DISTILLED / each, first) for each in joint for seed in seeds]
        known = [value for value in steps if value is not None]
        facts["distilled"] = float(np.mean(known)) if known else None
        result["tasks"][name] = facts
    if settings.single == "none":
        for facts in (mean, *result["tasks"].values(), *(each for task in measures.values() for each in task.values())):
            for name in ("difference", "interval", "p_value"):
                facts.pop(name, None)
    result |= {"seeds": list(seeds), "settings": asdict(settings), **told}
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
    """A measure of the model in a folder; None where it is infinite or undefined."""
    value: float | None = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))[measure]
    return value
