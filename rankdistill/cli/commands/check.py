"""check: a report on a model, or on runs and qrels, and exit code 1 where something is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from rankdistill.cli.options import Json, Measures, Measuring, Runs
from rankdistill.cli.output import print_json, say, shown
from rankdistill.data.collection import Collection
from rankdistill.data.sources import SYNTAX, load_collection
from rankdistill.data.trec.read import read_run
from rankdistill.errors import DataError, UsageError
from rankdistill.evaluation.conventions import Conventions
from rankdistill.evaluation.report.check import TIE_SENSITIVE_MEASURES
from rankdistill.evaluation.report.check import check as check_files
from rankdistill.inputs.asking import Asking

ASKED = Asking()


def check(
    *,
    model: Annotated[
        str | None,
        Parameter(help="Folder or hub id of a cross-encoder, to find faults that show in wrong scores alone."),
    ] = None,
    run: Annotated[
        Path | None,
        Parameter(
            help="Candidates that --model scores, of --collection. [default: those that the collection has; without a "
            "collection a few texts of its own]"
        ),
    ] = None,
    relevant_label: Annotated[
        str | None,
        Parameter(help="Which label of a --model with two logits means relevant. [default: what their names tell]"),
    ] = None,
    engines: Annotated[
        tuple[Literal["onnx", "openvino"], ...],
        Parameter(help="Engines that are to compute the scores of --model as torch does, by exports of their own."),
    ] = (),
    asking: Annotated[Asking, Parameter(name="*")] = ASKED,
    runs: Runs = (),
    qrels: Annotated[Path | None, Parameter(help="Judgments: TREC or BEIR qrels, plain or .gz.")] = None,
    collection: Annotated[str | None, Parameter(help=f"Collection whose texts the ids should have: {SYNTAX}.")] = None,
    measures: Measures = TIE_SENSITIVE_MEASURES,
    conventions: Measuring = Conventions(),  # noqa: B008  # frozen
    as_json: Json = False,
) -> None:
    """Check a model, or runs and judgments: what is wrong with them, and what may surprise.

    Errors give exit code 1. Of a model: weights that its folder lacks (a head or pooler would be random), a sigmoid on
    top, two logits whose first means relevant, a padding token that the model does not take for one, a template that
    truncation cuts, a prompt that leaves no room or that the chat template makes otherwise, mass ties, and scores that
    transformers, the exported files in the folder, or sentence-transformers (where installed) compute otherwise; with a
    collection that has judgments, scores that contradict them. Of runs and judgments: malformed lines, scores that are
    not finite numbers, fractional grades, duplicate documents, ids without a text, runs without a judged query.
    Warnings do not: queries missing in runs or judgments, ranks that do not follow the scores, ties and the measures
    that depend on them, queries that are their own candidates, what the third of three columns is taken for. For
    example

        rankdistill check --model runs/student/model --collection my-data --run bm25.trec

        rankdistill check --runs bm25.trec student.trec.gz --qrels qrels.txt --collection my-data
    """
    files = bool(runs) or qrels is not None
    if model is None and (run is not None or relevant_label is not None or engines or asking != ASKED):
        raise UsageError(
            "--run, --relevant-label, --engines, --prompt and what else says how a model is asked belong to "
            "--model; runs are checked by --runs"
        )
    if model is None and not files:
        raise UsageError("nothing to check, expected --model, or --runs, --qrels or both")
    if files and model is not None:
        raise UsageError("a model and runs are checked one after the other: give --model without --runs and --qrels")
    source = load_collection(collection) if collection else None
    if model is not None:
        _check_model(model, source, run, relevant_label, engines, asking, as_json)
        return
    findings = check_files(runs, qrels, source, measures, conventions)
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


def _check_model(
    model: str,
    collection: Collection | None,
    run: Path | None,
    relevant_label: str | None,
    engines: Sequence[str],
    asking: Asking,
    as_json: bool,
) -> None:
    """Print what the checks of a model found; `DataError` where something is wrong."""
    from rankdistill.scoring.model_check.check import check_model

    candidates = None if run is None else read_run(run, collection=collection)
    findings = check_model(
        model, collection, candidates, relevant_label=relevant_label, engines=engines, **asking.asking
    )
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        print(shown(model))
        for finding in findings:
            print(shown(f"  {finding.level:8}{finding.check:24}{finding.what}"))
    wrong = [finding.check for finding in findings if finding.level == "error"]
    if wrong:
        raise DataError(f"{model}: {len(wrong)} of {len(findings)} checks found an error: {', '.join(wrong)}")
    n_warnings = sum(finding.level == "warning" for finding in findings)
    say(f"{len(findings)} checks, no errors, {n_warnings} warning{'s' * (n_warnings != 1)}")
