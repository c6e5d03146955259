"""Print evaluations: notes on standard error, values as a table or JSON on standard output."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rankdistill.cli.output import print_json, print_rich, say, table
from rankdistill.evaluation.report.numbers import number

if TYPE_CHECKING:
    from rankdistill.evaluation.evaluate import Evaluation


def report(results: Mapping[str, Evaluation], measures: Sequence[str], per_query: bool, as_json: bool) -> None:
    """Print evaluations, path of the run -> evaluation. per_query: the values of each query instead of their mean."""
    for path, result in results.items():
        for note in result.notes:
            say(f"note: {path}: {note}")
    if as_json:
        print_json({path: result.per_query if per_query else result.values for path, result in results.items()})
    elif per_query:
        print_rich(table(["run", "query", *measures], _query_rows(results, measures), left=2))
    else:
        rows = ([path, *(number(result.values[m]) for m in measures)] for path, result in results.items())
        print_rich(table(["run", *measures], rows))


def _query_rows(results: Mapping[str, Evaluation], measures: Sequence[str]) -> list[list[str]]:
    return [
        [path, query, *(number(result.per_query[measure][query]) for measure in measures)]
        for path, result in results.items()
        for query in result.per_query[measures[0]]
    ]
