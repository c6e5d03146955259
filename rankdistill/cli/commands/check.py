"""check: a report on runs and qrels, and exit code 1 where something is wrong."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from rankdistill.cli.options import Config, Json, Measures
from rankdistill.cli.output import print_json, say, shown
from rankdistill.data import load_collection
from rankdistill.errors import DataError, UsageError
from rankdistill.evaluation.report.check import TIE_SENSITIVE_MEASURES
from rankdistill.evaluation.report.check import check as check_files


def check(
    *,
    runs: Annotated[tuple[Path, ...], Parameter(help="Runs: TREC or MS MARCO's three columns, plain or .gz.")] = (),
    qrels: Annotated[Path | None, Parameter(help="Judgments: TREC or BEIR qrels, plain or .gz.")] = None,
    collection: Annotated[
        str | None, Parameter(help="Collection whose texts the ids should have: pydocs, irds:DATASET_ID or a folder.")
    ] = None,
    measures: Measures = TIE_SENSITIVE_MEASURES,
    json: Json = False,
    config: Config = None,
) -> None:
    """Check runs and judgments: what is wrong with them, and what may surprise.

    Errors, which end in exit code 1: malformed lines, scores that are not finite numbers, fractional grades, duplicate
    documents in a list, ids without a text, runs without a judged query. Warnings: queries missing on either side,
    ranks that do not follow the scores, measures that depend on the rule for ties. For example

        rankdistill check --runs bm25.trec student.trec.gz --qrels qrels.txt --collection my-data
    """
    if not runs and qrels is None:
        raise UsageError("nothing to check, expected --runs, --qrels or both")
    findings = check_files(runs, qrels, load_collection(collection) if collection else None, measures)
    if json:
        print_json([asdict(found) for found in findings])
    else:
        for file, group in groupby(findings, key=lambda found: found.file):
            print(shown(file))
            for found in group:
                print(shown(f"  {found.level:8}{found.count:>9,}  {found.what}; first: {found.example}"))
    errors = sum(found.level == "error" for found in findings)
    if errors:
        raise DataError(f"{errors} of {len(findings)} findings are errors")
    files = len(runs) + (qrels is not None)
    say(f"{files} files without errors" + (f", {len(findings)} findings" if findings else ""))
