"""The leaderboard of a task of scored pairs: models by their labels, and which differences are significant."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rankdistill.arrays import F64
from rankdistill.data.candidates import Candidates
from rankdistill.errors import DataError, UnknownNameError, UsageError
from rankdistill.evaluation.pair_significance import PAIR_TESTS
from rankdistill.evaluation.report.leaderboard import Leaderboard
from rankdistill.evaluation.report.pair_answers import PairAnswers
from rankdistill.evaluation.significance import Comparison, effect_size, holm
from rankdistill.progress import progress
from rankdistill.tasks.pairs import check_pair_measures
from rankdistill.tasks.predictions import predictions
from rankdistill.tasks.task import LABEL, Task


def pair_leaderboard(
    systems: Mapping[str, Candidates | str | Path],
    task: Task,
    measures: Sequence[str] = (),
    baseline: str | None = None,
    test: str = "bootstrap",
) -> Leaderboard:
    """Measure models' labels of a task, and compare each with the baseline.

    systems: name -> the run that `rankdistill finetune` or `score` wrote. measures: empty for the task's. test: a name
    of `PAIR_TESTS`, corrected, measure by measure, for the number of models compared; a measure that the test is not of
    is not tested. In the comparisons a pair is won where a model is right, or nearer, and the other is not.
    Raises `DataError` where a run lacks a pair, or holds what is no class, or no pair has a label, with the name of the
    system; `MissingExtraError` where a measure needs a package that is not installed.
    """
    if not systems:
        raise UsageError("no systems given, expected at least one run")
    if test not in PAIR_TESTS:
        raise UnknownNameError("significance test of scored pairs", test, PAIR_TESTS)
    if baseline is not None and baseline not in systems:
        raise UnknownNameError("system", baseline, systems)
    names = list(measures or task.measures)
    check_pair_measures(names)
    task.with_measures(names).check_installed()
    truth = task.labelled()[0][LABEL].astype(np.float64)
    known = ~np.isnan(truth)
    given: dict[str, F64] = {}
    values: dict[str, dict[str, float]] = {}
    notes: list[str] = []
    with progress("evaluate", len(systems), unit="systems") as advance:
        for name, run in systems.items():
            try:
                labels = predictions(task, run)
                result = task.with_measures(names).evaluation(labels)
            except DataError as error:
                raise DataError(f"system {name!r}: {error}") from error
            given[name], values[name] = labels[known].astype(np.float64), result.values
            notes = result.notes
            advance(1)
    pairs = [pair for pair, labelled in zip(task.candidates.query_ids.to_pylist(), known, strict=True) if labelled]
    comparisons = _comparisons(given, values, truth[known], names, baseline, test, pairs)
    corrected = {measure: _corrected(comparisons, measure) for measure in names}
    rows: list[dict[str, Any]] = []
    for name in systems:
        tests = {f"p({measure})": corrected[measure].get(name) for measure in names} if baseline is not None else {}
        facts = {"parameters": None, "pairs_per_second": None, "queries": len(pairs), "missing_queries": 0}
        rows.append({"system": name, **values[name], **facts, **tests})
    rows.sort(key=lambda row: -row[names[0]])
    labelled = task.candidates.take_rows(known)
    answers = PairAnswers(pairs, labelled.doc_ids.to_pylist(), truth[known], given, task.collection.scored_pairs)
    return Leaderboard(
        rows, names, len(pairs), baseline, test, comparisons, {}, {}, notes, unit="pairs", answers=answers
    )


def _comparisons(
    given: Mapping[str, F64],
    values: Mapping[str, Mapping[str, float]],
    truth: F64,
    measures: Sequence[str],
    baseline: str | None,
    test: str,
    pairs: Sequence[str],
) -> dict[str, dict[str, Comparison]]:
    if baseline is None:
        return {}

    def against(name: str, measure: str) -> Comparison:
        nearer = np.abs(given[baseline] - truth) - np.abs(given[name] - truth)
        ours, theirs = values[name][measure], values[baseline][measure]
        return Comparison(
            test,
            PAIR_TESTS[test].p_value(given[baseline], given[name], truth, measure),
            ours,
            theirs,
            ours - theirs,
            effect_size(nearer),
            int((nearer > 0).sum()),
            int((nearer == 0).sum()),
            int((nearer < 0).sum()),
            dict(zip(pairs, nearer.tolist(), strict=True)),
        )

    tested = [measure for measure in measures if test != "mcnemar" or measure == "accuracy"]
    return {name: {measure: against(name, measure) for measure in tested} for name in given if name != baseline}


def _corrected(comparisons: Mapping[str, Mapping[str, Comparison]], measure: str) -> dict[str, float | None]:
    p_values = [tests[measure].p_value if measure in tests else math.nan for tests in comparisons.values()]
    pairs = zip(comparisons, holm(p_values).tolist(), strict=True)
    return {name: None if math.isnan(p) else p for name, p in pairs}
