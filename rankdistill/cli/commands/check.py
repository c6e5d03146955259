"""check: a report on runs and qrels, and exit code 1 where something is wrong."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from rankdistill.cli.options import Json, Measures, Measuring, Runs
from rankdistill.cli.output import print_json, say, shown
from rankdistill.data.sources import SYNTAX, load_collection
from rankdistill.errors import DataError, UsageError
from rankdistill.evaluation.conventions import Conventions
from rankdistill.evaluation.report.check import TIE_SENSITIVE_MEASURES
from rankdistill.evaluation.report.check import check as check_files


def check(
    *,
    runs: Runs = (),
    qrels: Annotated[Path | None, Parameter(help="Judgments: TREC or BEIR qrels, plain or .gz.")] = None,
    collection: Annotated[str | None, Parameter(help=f"Collection whose texts the ids should have: {SYNTAX}.")] = None,
    measures: Measures = TIE_SENSITIVE_MEASURES,
    conventions: Measuring = Conventions(),  # noqa: B008  # frozen
    as_json: Json = False,
) -> None:
    """Check runs and judgments: what is wrong with them, and what may surprise.

    Errors give exit code 1: malformed lines, scores that are not finite numbers, fractional grades, duplicate
    documents, ids without a text, runs without a judged query. Warnings do not: queries missing in runs or judgments,
    ranks that do not follow the scores, ties and the measures that depend on them, queries that are their own
    candidates, what the third of three columns is taken for. For example

        rankdistill check --runs bm25.trec student.trec.gz --qrels qrels.txt --collection my-data
    """
    if not runs and qrels is None:
        raise UsageError("nothing to check, expected --runs, --qrels or both")
    findings = check_files(runs, qrels, load_collection(collection) if collection else None, measures, conventions)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for file, group in groupby(findings, key=lambda finding: finding.file):
            print(shown(file))
            for finding in group:
                print(shown(f"  {finding.level:8}{finding.count:>9,}  {finding.what}; first: {finding.example}"))
    n_errors = sum(finding.level == "error" for finding in findings)
    if n_errors:
        raise DataError(f"{n_errors} of {len(findings)} findings are errors")
    counts = {"file": len(runs) + (qrels is not None)}
    counts |= {level: sum(finding.level == level for finding in findings) for level in ("warning", "note")}
    n_files, n_warnings, n_notes = (f"{count} {what}{'s' * (count != 1)}" for what, count in counts.items())
    say(f"{n_files}, no errors, {n_warnings}, {n_notes}")
