"""evaluate: measure runs against judgments, over all queries or query by query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from cyclopts import Parameter

from rankdistill.cli.judgments import load_judgments
from rankdistill.cli.measured import report
from rankdistill.cli.options import RUN_FORMS, Json, Judged, JudgedSplit, Measures, Measuring, Qrels
from rankdistill.cli.output import print_json, print_rich, say, table
from rankdistill.cli.pair_runs import pair_task
from rankdistill.errors import DataError
from rankdistill.evaluation.conventions import Conventions
from rankdistill.evaluation.evaluate import Evaluation
from rankdistill.evaluation.in_parts import evaluation_of_parts
from rankdistill.evaluation.names import DEFAULT_MEASURES, parse_measures
from rankdistill.evaluation.report.numbers import number
from rankdistill.progress import progress
from rankdistill.tasks.predictions import predictions
from rankdistill.tasks.task import Task


def evaluate(
    *,
    runs: Annotated[list[str], Parameter(help=f"Runs: {RUN_FORMS}.")],
    qrels: Qrels = None,
    collection: Judged = None,
    split: JudgedSplit = None,
    measures: Measures = DEFAULT_MEASURES,
    per_query: Annotated[
        bool, Parameter(help="Values of each query instead of their mean.", show_default=False)
    ] = False,
    conventions: Measuring = Conventions(),  # noqa: B008  # frozen
    as_json: Json = False,
) -> None:
    """Evaluate runs against judgments.

    Values are trec_eval's where it has the measure; a judged query that a run lacks counts as 0. All measures of a run
    come from one ranking; with --ties docid-asc RR@10 is that of MS MARCO's script.

    For example

        rankdistill evaluate --qrels qrels.txt --runs bm25.trec student.trec.gz --measures nDCG@10 RR@10 PNR
        rankdistill evaluate --collection my-data --split test --runs student.trec.gz
        rankdistill evaluate --collection glue:rte@glue --runs runs/rte/run.trec.gz
    """
    if task := pair_task(collection, split) if qrels is None else None:
        return _evaluate_pairs(task, runs, measures, as_json)
    parse_measures(measures)
    judgments, conventions, source = load_judgments(qrels, collection, split, conventions)
    results: dict[str, Evaluation] = {}
    with progress("evaluate", len(runs), unit="runs") as advance:
        for path in runs:
            parts = conventions.parts(path, source)
            try:
                results[path] = evaluation_of_parts(judgments, parts, measures, conventions)
            except DataError as error:
                raise DataError(f"{path}: {error}") from error
            advance(1)
    report(results, measures, per_query, as_json)


def _evaluate_pairs(task: Task, runs: Sequence[str], measures: Sequence[str], as_json: bool) -> None:
    """Measure the labels that runs give the pairs of a task."""
    results = {}
    for path in runs:
        try:
            result = task.with_measures(measures).evaluation(predictions(task, path))
        except DataError as error:
            raise DataError(f"{path}: {error}") from error
        results[path] = result.values
        for note in result.notes:
            say(f"note: {path}: {note}")
    if as_json:
        print_json(results)
    else:
        print_rich(
            table(["run", *measures], ([path, *map(number, values.values())] for path, values in results.items()))
        )
