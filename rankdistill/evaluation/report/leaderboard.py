"""The leaderboard: many systems, one set of judgments, and which differences from a baseline are significant."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from rankdistill.data.candidates import Candidates, Ties
from rankdistill.data.trec.read import Precision, read_qrels, read_run
from rankdistill.errors import DataError, UnknownNameError, UsageError
from rankdistill.evaluation.evaluate import Evaluation, evaluation
from rankdistill.evaluation.judged import Unjudged
from rankdistill.evaluation.names import parse_measures
from rankdistill.evaluation.significance import TESTS, Comparison, compare, holm
from rankdistill.files.atomic import atomic_path
from rankdistill.progress import progress

DEFAULT_MEASURES = ("nDCG@10", "RR@10", "PNR")
TOP = 10
RUN_PATTERNS = ("*/run.trec.gz", "*/run.trec", "*.trec.gz", "*.trec")
Run = Candidates | str | Path


@dataclass(frozen=True)
class Leaderboard:
    """Systems with their values, best first by the first measure."""

    rows: list[dict[str, Any]]
    """Flat, one a system: ``system``, each measure, ``parameters``, ``pairs_per_second`` (None if unknown), whatever
    else was given, ``queries``, ``missing_queries``, and with a baseline ``p(measure)``, Holm-corrected."""
    measures: list[str]
    queries: int
    """Judged queries, on which every system is measured."""
    baseline: str | None
    test: str
    """A name of `TESTS`."""
    comparisons: dict[str, dict[str, Comparison]]
    """System -> measure -> the comparison with the baseline, its p-value uncorrected; empty without a baseline, and
    without the measures that are infinite or undefined for one of the two."""
    results: dict[str, Evaluation]
    """System -> its values, over all queries and query by query."""
    tops: dict[str, Candidates]
    """System -> the best `TOP` of each judged query, best first, with their labels."""
    notes: list[str]
    """What should be said below the table about systems whose run does not match the judgments."""

    def write_json(self, path: str | Path) -> None:
        """Write the rows as a JSON list; an infinite or undefined value is null, as JSON has neither."""
        rows = [{key: _json_value(value) for key, value in row.items()} for row in self.rows]
        with atomic_path(path) as temporary:
            temporary.write_text(json.dumps(rows, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def leaderboard(
    systems: Mapping[str, Run],
    qrels: Candidates | str | Path,
    measures: Sequence[str] = DEFAULT_MEASURES,
    baseline: str | None = None,
    test: str = "t",
    extra: Mapping[str, Mapping[str, Any]] | None = None,
    unjudged: Unjudged = "missing",
    ties: Ties = "trec",
    precision: Precision = "float32",
) -> Leaderboard:
    """Evaluate systems and compare each with the baseline.

    systems: name -> run, as Candidates (scores in their first column) or a TREC file. test: a name of `TESTS`, made on
    the queries' values (pooled PNR: `pooled_shares`) and corrected, measure by measure, for the number of systems
    compared. extra: name -> further facts, ``parameters`` (a count) and ``pairs_per_second`` among them. unjudged,
    ties: see `evaluate`, whose errors are raised with the name of the system. precision: of files, see `read_run`.
    """
    if not systems:
        raise UsageError("no systems given, expected at least one run")
    if test not in TESTS:
        raise UnknownNameError("significance test", test, TESTS)
    extra = extra or {}
    for name in (*extra, *([baseline] if baseline is not None else [])):
        if name not in systems:
            raise UnknownNameError("system", name, systems)
    names = list(parse_measures(measures))
    judgments = qrels if isinstance(qrels, Candidates) else read_qrels(qrels)
    results, tops = _evaluate_all(systems, judgments, measures, unjudged, ties, precision)
    comparisons = _compare_all(results, names, baseline, test)
    corrected = {measure: _correct(comparisons, measure) for measure in names}
    rows = []
    for system, result in results.items():
        facts = {"parameters": None, "pairs_per_second": None, **extra.get(system, {})}
        coverage = {"queries": result.queries, "missing_queries": result.missing_queries}
        tests = {f"p({m})": corrected[m].get(system) for m in names} if baseline is not None else {}
        measured: dict[str, Any] = {"system": system, **result.values}
        if taken := facts.keys() & (measured.keys() | coverage.keys() | tests.keys()):
            raise UsageError(f"an extra fact of system {system!r} cannot be called {min(taken)!r}: its row has one")
        rows.append({**measured, **facts, **coverage, **tests})
    rows.sort(key=lambda row: -math.inf if math.isnan(row[names[0]]) else row[names[0]], reverse=True)
    notes = [f"{system}: {note}" for system, result in results.items() for note in result.notes]
    if len({frozenset(top.query_ids.to_pylist()) for top in tops.values()}) > 1:
        notes.append(
            "the systems do not cover the same queries, so their values do not compare: measure them on queries that "
            "all have, such as a split (--split test)"
        )
    return Leaderboard(
        rows, names, next(iter(results.values())).queries, baseline, test, comparisons, results, tops, notes
    )


def leaderboard_from_folder(
    folder: str | Path,
    qrels: Candidates | str | Path,
    measures: Sequence[str] = DEFAULT_MEASURES,
    baseline: str | None = None,
    test: str = "t",
    extra: Mapping[str, Mapping[str, Any]] | None = None,
    unjudged: Unjudged = "missing",
    ties: Ties = "trec",
    precision: Precision = "float32",
) -> Leaderboard:
    """Make the leaderboard of the runs in a folder; see `find_runs` and `leaderboard`."""
    return leaderboard(find_runs(folder), qrels, measures, baseline, test, extra, unjudged, ties, precision)


def find_runs(folder: str | Path) -> dict[str, Path]:
    """Find runs: ``NAME/run.trec.gz``, ``NAME.trec``, ``NAME.trec.gz`` -> {NAME: path}, by name.

    Raises `DataError` where there is none, or where two have the same name.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder}")
    found: dict[str, Path] = {}
    for path in sorted(path for pattern in RUN_PATTERNS for path in folder.glob(pattern)):
        inside = path.relative_to(folder)
        if any(part.startswith(".") for part in inside.parts):
            continue  # half-written files of `atomic_path`
        name = inside.parts[0].removesuffix(".gz").removesuffix(".trec")
        if name in found:
            raise DataError(f"two runs are called {name!r}: {found[name]} and {path}; rename or remove one")
        found[name] = path
    if not found:
        raise DataError(f"no runs in {folder}, expected files such as {', '.join(RUN_PATTERNS)}")
    return dict(sorted(found.items()))


def _evaluate_all(
    systems: Mapping[str, Run],
    qrels: Candidates,
    measures: Sequence[str],
    unjudged: Unjudged,
    ties: Ties,
    precision: Precision,
) -> tuple[dict[str, Evaluation], dict[str, Candidates]]:
    results, tops = {}, {}
    with progress("evaluate", len(systems), unit="systems") as advance:
        for name, run in systems.items():
            candidates = run if isinstance(run, Candidates) else read_run(run, ties=ties, precision=precision)
            try:
                results[name] = evaluation(qrels, candidates, measures, unjudged=unjudged, ties=ties)
            except DataError as error:
                raise DataError(f"system {name!r}: {error}") from error
            judged = pc.is_in(candidates.query_ids, value_set=qrels.query_ids).to_numpy(zero_copy_only=False)
            column = next(iter(candidates.columns))
            tops[name] = candidates.take_queries(judged).top_k(TOP, column, ties).join(qrels, "label")
            advance(1)
    return results, tops


def _compare_all(
    results: Mapping[str, Evaluation], measures: Sequence[str], baseline: str | None, test: str
) -> dict[str, dict[str, Comparison]]:
    if baseline is None:
        return {}
    reference = results[baseline]
    return {
        system: {
            measure: compare(result.shares[measure], reference.shares[measure], test)
            for measure in measures
            if math.isfinite(result.values[measure]) and math.isfinite(reference.values[measure])
        }
        for system, result in results.items()
        if system != baseline
    }


def _correct(comparisons: Mapping[str, Mapping[str, Comparison]], measure: str) -> dict[str, float | None]:
    """{system: Holm-corrected p-value}, None where the test could not be made."""
    p_values = [made[measure].p_value if measure in made else math.nan for made in comparisons.values()]
    pairs = zip(comparisons, holm(p_values).tolist(), strict=True)
    return {system: None if math.isnan(p) else p for system, p in pairs}


def _json_value(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
