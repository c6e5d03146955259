"""Compare two systems on a task, each by runs of several trainings: means, difference, interval, p-value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rankdistill.arrays import F32, F64
from rankdistill.data.trec.read import read_run
from rankdistill.errors import DataError
from rankdistill.evaluation.evaluate import Evaluation
from rankdistill.evaluation.pair_significance import interval, resampled
from rankdistill.evaluation.query_resamples import resampled_means
from rankdistill.evaluation.significance import compare
from rankdistill.tasks.task import LABEL, Task

Interval = tuple[float, float] | None
Tested = tuple[Interval, float | None]


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
    first, second = (_scores(held_out, runs[name]) for name in names)
    results = [[held_out.evaluation(scores) for scores in each] for each in (first, second)]
    tested: Callable[[str], Tested] = (
        partial(_of_rankings, results) if held_out.kind == "ranking" else _of_pairs(held_out, first, second)
    )
    compared: dict[str, dict[str, Any]] = {}
    for measure in held_out.measures:
        values = [[result.values[measure] for result in each] for each in results]
        means = [float(np.mean(each)) for each in values]
        bounds, p_value = tested(measure)
        compared[measure] = {
            **dict(zip(names, means, strict=True)),
            "difference": means[1] - means[0],
            "interval": bounds and list(bounds),
            "p_value": p_value,
            "values": dict(zip(names, values, strict=True)),
        }
    return compared


def _scores(held_out: Task, runs: Sequence[str | Path]) -> list[F32]:
    if not runs:
        raise DataError(f"no runs of {held_out.name} to compare, expected at least one of each system")
    return [_of_run(held_out, run) for run in runs]


def _of_run(held_out: Task, run: str | Path) -> F32:
    """A run's scores of the task's candidates, float32 (N,); `DataError` where it lacks one."""
    read = read_run(run)
    column = read.score_column()
    scores = held_out.candidates.join(read, column)[column]
    lacking = np.flatnonzero(np.isnan(scores))
    if len(lacking):
        raise DataError(
            f"{run} lacks {len(lacking):,} of the {len(scores):,} candidates of {held_out.name}, the first is "
            f"{held_out.candidates.pair_at(int(lacking[0]))}: was it made of other candidates?"
        )
    return scores


def _of_rankings(results: list[list[Any]], measure: str) -> Tested:
    """Interval and p-value by the queries' values."""
    shares: list[list[dict[str, float]]] = [
        [result.shares[measure] for result in each if isinstance(result, Evaluation)] for each in results
    ]
    queries = list(shares[0][0])
    first, second = (np.array([[run[query] for query in queries] for run in each], np.float64) for each in shares)
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        return None, None
    over_runs = [dict(zip(queries, values.mean(axis=0).tolist(), strict=True)) for values in (second, first)]
    p_value = compare(over_runs[0], over_runs[1]).p_value
    return interval(resampled_means(first, second)), p_value if np.isfinite(p_value) else None


def _of_pairs(held_out: Task, first: list[F32], second: list[F32]) -> Callable[[str], Tested]:
    """Interval and p-value by the pairs that have a label."""
    labels = held_out.labelled()[0][LABEL].astype(np.float64)
    known = ~np.isnan(labels)
    one, other = (np.stack(each)[:, known].astype(np.float64) for each in (first, second))

    def tested(measure: str) -> Tested:
        differences: F64 = resampled(one, other, labels[known], measure)
        least = min((differences <= 0).sum(), (differences >= 0).sum())
        return interval(differences), float(min(1.0, 2 * (1 + least) / (1 + len(differences))))

    return tested
