"""The leaderboard: many systems, one set of judgments, and which differences from a baseline are significant."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rankdistill.data.candidates import Candidates, concatenate
from rankdistill.data.collection import Collection
from rankdistill.data.trec.read import read_qrels
from rankdistill.data.trec.run_files import PATTERNS, runs_in
from rankdistill.errors import DataError, UnknownNameError, UsageError
from rankdistill.evaluation.conventions import Conventions
from rankdistill.evaluation.evaluate import UNJUDGED_IN_PNR, Evaluation
from rankdistill.evaluation.in_parts import evaluation_of_parts
from rankdistill.evaluation.names import DEFAULT_MEASURES, parse_measures
from rankdistill.evaluation.report.pair_answers import PairAnswers
from rankdistill.evaluation.significance import TESTS, Comparison, compare, holm
from rankdistill.progress import progress

TOP = 10
SHOWN = 10
"""Files that are named in a warning."""
Run = Candidates | str | Path


@dataclass(frozen=True)
class Leaderboard:
    """Systems with their values, best first by the first measure."""

    rows: list[dict[str, Any]]
    """One flat row per system: ``system``, each measure, ``parameters``, ``pairs_per_second`` (None if unknown), the
    other facts given, ``queries``, ``missing_queries``, and with a baseline ``p(measure)``, Holm-corrected."""
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
    """System -> the `TOP` best candidates of each judged query, best first, with their labels."""
    notes: list[str]
    """Notes for below the table: systems whose run does not match the judgments, and unjudged candidates."""
    unit: str = "queries"
    """What systems are measured on: queries, or pairs."""
    answers: PairAnswers | None = None
    """Of a task of scored pairs, instead of ``results`` and ``tops``."""


def leaderboard(
    systems: Mapping[str, Run],
    qrels: Candidates | str | Path,
    measures: Sequence[str] = DEFAULT_MEASURES,
    baseline: str | None = None,
    test: str = "t",
    extra: Mapping[str, Mapping[str, Any]] | None = None,
    conventions: Conventions | None = None,
    collection: Collection | None = None,
) -> Leaderboard:
    """Evaluate systems and compare each with the baseline.

    systems: name -> run, as Candidates with one column or as a TREC file; `find_runs` finds those in a folder. test: a
    name of `TESTS`, a paired test on the queries' values (pooled PNR: `pooled_shares`), corrected, measure by measure,
    for the number of systems compared. extra: name -> further facts, such as ``parameters`` (a count) and
    ``pairs_per_second``. conventions: see `evaluate`, whose errors are raised with the name of the system.
    collection: see `read_run`.

    >>> import rankdistill as rd
    >>> qrels = rd.Candidates.from_dict({"q1": {"d1": 1, "d2": 0}, "q2": {"d1": 0, "d2": 1}}, "label")
    >>> good = rd.Candidates.from_dict({"q1": {"d1": 2, "d2": 1}, "q2": {"d1": 1, "d2": 2}}, "score")
    >>> poor = rd.Candidates.from_dict({"q1": {"d1": 1, "d2": 2}, "q2": {"d1": 1, "d2": 2}}, "score")
    >>> board = rd.leaderboard({"poor": poor, "good": good}, qrels, ["RR@10"], baseline="poor")
    >>> [(row["system"], row["RR@10"]) for row in board.rows]
    [('good', 1.0), ('poor', 0.75)]
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
    conventions = (conventions or Conventions()).under(judgments)
    results, tops = _evaluate_all(systems, judgments, measures, conventions, collection)
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
    notes = [f"{system}: {note}" for system, result in results.items() for note in result.coverage_notes]
    if any(result.unjudged_candidates for result in results.values()):
        notes.append(f"candidates without a judgment {UNJUDGED_IN_PNR[conventions.unjudged_under(judgments)]}")
    if len({frozenset(top.query_ids.to_pylist()) for top in tops.values()}) > 1:
        notes.append(
            "the systems do not cover the same queries, so their values are not comparable: measure them on queries "
            "that all have, such as a split (--split test)"
        )
    return Leaderboard(
        rows, names, next(iter(results.values())).queries, baseline, test, comparisons, results, tops, notes
    )


def find_runs(folder: str | Path) -> dict[str, Path]:
    """Find the runs in a folder, under the names that `runs_in` recognises: {NAME: path}, by name.

    Warns, once, of files that look like runs, or may be damaged ones, and are not taken. Raises `DataError` where there
    is no run, or where two have the same name.
    """
    folder = Path(folder)
    found, left = runs_in(folder)
    runs: dict[str, Path] = {}
    for name, path in found:
        if name in runs:
            raise DataError(f"two runs are called {name!r}: {runs[name]} and {path}; rename or remove one")
        runs[name] = path
    if left:
        names = [str(path.relative_to(folder)) for path in left]
        shown = ", ".join(names[:SHOWN]) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
        not_read = (
            f"not read in {folder}, though it looks like runs, or is damaged: {shown}; names of runs are {PATTERNS}"
        )
        if not runs:
            raise DataError(not_read)
        warnings.warn(not_read, stacklevel=2)
    if not runs:
        raise DataError(f"no runs in {folder}, expected files such as {PATTERNS}")
    return dict(sorted(runs.items()))


def _evaluate_all(
    systems: Mapping[str, Run],
    qrels: Candidates,
    measures: Sequence[str],
    conventions: Conventions,
    collection: Collection | None,
) -> tuple[dict[str, Evaluation], dict[str, Candidates]]:
    results, tops = {}, {}
    with progress("evaluate", len(systems), unit="systems") as advance:
        for name, run in systems.items():
            parts = [run] if isinstance(run, Candidates) else conventions.parts(run, collection)
            best: list[Candidates] = []
            try:
                results[name] = evaluation_of_parts(
                    qrels, _with_best(parts, qrels, conventions, best), measures, conventions
                )
            except DataError as error:
                raise DataError(f"system {name!r}: {error}") from error
            except UsageError as error:
                raise UsageError(f"system {name!r}: {error}") from error
            tops[name] = concatenate(best)
            advance(1)
    return results, tops


def _with_best(
    parts: Iterable[Candidates], qrels: Candidates, conventions: Conventions, best: list[Candidates]
) -> Iterator[Candidates]:
    """Hand parts on, and keep the best candidates of the judged queries of each."""
    for part in parts:
        yield part
        judged = conventions.lists(part).only_queries(qrels.query_ids)
        best.append(judged.top_k(TOP, judged.score_column(), conventions.ties).join(qrels, "label"))


def _compare_all(
    results: Mapping[str, Evaluation], measures: Sequence[str], baseline: str | None, test: str
) -> dict[str, dict[str, Comparison]]:
    if baseline is None:
        return {}
    reference = results[baseline]
    return {
        system: {
            measure: compare(*both, test)
            for measure in measures
            if math.isfinite(result.values[measure]) and math.isfinite(reference.values[measure])
            if (both := _defined(result.shares[measure], reference.shares[measure]))[0]
        }
        for system, result in results.items()
        if system != baseline
    }


def _defined(a: Mapping[str, float], b: Mapping[str, float]) -> tuple[dict[str, float], dict[str, float]]:
    """Keep the queries for which the measure is defined on both sides; Accuracy is not where there is no pair."""
    both = [query for query, value in a.items() if not math.isnan(value) and not math.isnan(b[query])]
    return {query: a[query] for query in both}, {query: b[query] for query in both}


def _correct(comparisons: Mapping[str, Mapping[str, Comparison]], measure: str) -> dict[str, float | None]:
    """Correct the systems' p-values for their number: {system: p-value}, None where there is no test."""
    p_values = [tests[measure].p_value if measure in tests else math.nan for tests in comparisons.values()]
    pairs = zip(comparisons, holm(p_values).tolist(), strict=True)
    return {system: None if math.isnan(p) else p for system, p in pairs}
