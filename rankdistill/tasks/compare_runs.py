"""Compare two systems on a task, each by runs of several trainings: means, difference, interval, p-value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rankdistill.arrays import F32, F64
from rankdistill.errors import DataError
from rankdistill.evaluation.evaluate import Evaluation
from rankdistill.evaluation.pair_significance import interval, p_of_resamples, resampled
from rankdistill.evaluation.query_resamples import resampled_means
from rankdistill.evaluation.significance import compare
from rankdistill.tasks.predictions import predictions
from rankdistill.tasks.task import LABEL, Task

Tested = tuple[F64 | None, float | None]
"""Resampled differences, and the p-value."""


def compare_runs(
    held_out: Task, runs: Mapping[str, Sequence[str | Path]], names: tuple[str, str] = ("expert", "rekindled")
) -> dict[str, dict[str, Any]]:
    """Compare the second of two systems with the first: measure -> what is known of it, as JSON can hold it.

    runs: system -> the run files of its trainings, the same seeds in the same order; ``names`` are the two systems.
    Each measure has the mean of either system under its name, their ``difference``, its ``interval``, from the 2.5th to
    the 97.5th percentile over resampled queries (of scored pairs: pairs) and runs, ``p_value`` and the ``values`` of
    all runs. p is that of a paired t-test over the queries, each by its mean over the runs, or of scored pairs of the
    resamples. Both are None where a query's value is infinite or undefined. Raises `DataError` for runs that lack a
    candidate.
    """
    return {measure: facts for measure, (facts, _) in _compared(held_out, runs, names).items()}


def compare_tasks(
    held_out: Mapping[str, Task],
    runs: Mapping[str, Mapping[str, Sequence[str | Path]]],
    names: tuple[str, str],
) -> tuple[dict[str, dict[str, dict[str, Any]]], dict[str, Any]]:
    """Compare two systems on several tasks: what `compare_runs` says of each, and the mean over their first measures.

    held_out, runs: by task. The mean has the same entries as a measure: its interval and p-value are of the mean of the
    tasks' resampled differences, as tasks are resampled independently. Raises as `compare_runs` does.
    """
    compared = {task: _compared(held_out[task], runs[task], names) for task in held_out}
    firsts = [compared[task][held_out[task].measures[0]] for task in held_out]
    means = {name: float(np.mean([facts[name] for facts, _ in firsts])) for name in names}
    mean: dict[str, Any] = {**means, "difference": means[names[1]] - means[names[0]], "interval": None, "p_value": None}
    resamples = [differences for _, differences in firsts if differences is not None]
    if len(resamples) == len(firsts):
        over_tasks: F64 = np.mean(resamples, axis=0)
        mean |= {"interval": list(interval(over_tasks)), "p_value": p_of_resamples(over_tasks)}
    return {task: {name: facts for name, (facts, _) in each.items()} for task, each in compared.items()}, mean


def _compared(
    held_out: Task, runs: Mapping[str, Sequence[str | Path]], names: tuple[str, str]
) -> dict[str, tuple[dict[str, Any], F64 | None]]:
    """What `compare_runs` says of each measure, and the resampled differences."""
    first, second = (_scores(held_out, runs[name]) for name in names)
    results = [[held_out.evaluation(scores) for scores in each] for each in (first, second)]
    tested: Callable[[str], Tested] = (
        partial(_of_rankings, results) if held_out.kind == "ranking" else _of_pairs(held_out, first, second)
    )
    compared: dict[str, tuple[dict[str, Any], F64 | None]] = {}
    for measure in held_out.measures:
        values = [[result.values[measure] for result in each] for each in results]
        means = [float(np.mean(each)) for each in values]
        differences, p_value = tested(measure)
        facts = {
            **dict(zip(names, means, strict=True)),
            "difference": means[1] - means[0],
            "interval": None if differences is None else list(interval(differences)),
            "p_value": p_value,
            "values": dict(zip(names, values, strict=True)),
        }
        compared[measure] = facts, differences
    return compared


def _scores(held_out: Task, runs: Sequence[str | Path]) -> list[F32]:
    if not runs:
        raise DataError(f"no runs of {held_out.name} to compare, expected at least one of each system")
    return [predictions(held_out, run) for run in runs]


def _of_rankings(results: list[list[Any]], measure: str) -> Tested:
    """Resampled differences and p-value by the queries' values."""
    shares: list[list[dict[str, float]]] = [
        [result.shares[measure] for result in each if isinstance(result, Evaluation)] for each in results
    ]
    queries = list(shares[0][0])
    first, second = (np.array([[run[query] for query in queries] for run in each], np.float64) for each in shares)
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        return None, None
    over_runs = [dict(zip(queries, values.mean(axis=0).tolist(), strict=True)) for values in (second, first)]
    p_value = compare(over_runs[0], over_runs[1]).p_value
    return resampled_means(first, second), p_value if np.isfinite(p_value) else None


def _of_pairs(held_out: Task, first: list[F32], second: list[F32]) -> Callable[[str], Tested]:
    """Resampled differences and p-value by the pairs that have a label."""
    labels = held_out.labelled()[0][LABEL].astype(np.float64)
    known = ~np.isnan(labels)
    one, other = (np.stack(each)[:, known].astype(np.float64) for each in (first, second))

    def tested(measure: str) -> Tested:
        differences: F64 = resampled(one, other, labels[known], measure)
        return differences, p_of_resamples(differences)

    return tested
