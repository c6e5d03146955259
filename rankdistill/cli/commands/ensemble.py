"""ensemble: several teachers' runs and the judgments become one run."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from rankdistill.cli.cluster import ALONE, Cluster, in_parts, work_on_parts
from rankdistill.cli.options import Config, Json, NormalizeOver, Out, Seed
from rankdistill.cli.output import print_json, say_wrote
from rankdistill.data.candidates import Candidates
from rankdistill.data.trec.read import read_qrels, read_run
from rankdistill.data.trec.write import write_run
from rankdistill.ensembling.ensemble import METHODS, EnsembleReport, MethodName
from rankdistill.ensembling.ensemble import ensemble as ensembled
from rankdistill.ensembling.join import join_runs
from rankdistill.ensembling.missing import Policy
from rankdistill.ensembling.normalize import Normalization
from rankdistill.errors import UsageError


def ensemble(
    *,
    runs: Annotated[list[str], Parameter(help="The teachers: TREC or MS MARCO's three columns, plain or .gz.")],
    out: Out,
    qrels: Annotated[Path | None, Parameter(help="Relevance judgments; pile needs them.")] = None,
    method: Annotated[MethodName, Parameter(help="How teachers are ensembled; single is one run as it is.")] = "pile",
    rate: Annotated[
        float, Parameter(help="PILE's step towards the teachers that agree with the labels, in (0, 1].")
    ] = 0.9,
    normalize: Annotated[
        Normalization,
        Parameter(help="Bring teachers to a common scale first; center keeps their scale and shifts their mean to 0."),
    ] = "none",
    normalize_over: NormalizeOver = "query",
    missing: Annotated[
        Policy,
        Parameter(help="What to do with a candidate that a teacher did not score."),
    ] = "error",
    seed: Seed = 0,
    json: Json = False,
    cluster: Cluster = ALONE,
    config: Config = None,
) -> None:
    """Ensemble several teachers' runs into one run.

    The candidates are the pairs that any of the runs has. Of runs in parts (`rankdistill parts`) parts are made, here
    or by Ray, each for itself: --missing min takes a part's least score, --normalize-over all a part, pile needs labels
    in each. For example

        rankdistill ensemble --runs bert.trec t5.trec llm.trec --qrels qrels.txt \\
            --method pile --missing min --normalize zscore --out pile.trec
    """
    if METHODS[method].needs_labels and qrels is None:
        raise UsageError(f"--method {method} needs --qrels")
    if repeated := [path for path in runs if runs.count(path) > 1]:
        raise UsageError(f"run {repeated[0]} is given twice: name each teacher once")
    if in_parts(map(Path, runs), cluster):
        if json:
            raise UsageError("--json reports on runs in one file: of parts, counts are told at the end")
        from rankdistill.cluster import EnsembleParts

        folders = tuple(str(Path(folder).absolute()) for folder in runs)
        judgments = str(qrels.absolute()) if qrels else None
        work = EnsembleParts(folders, judgments, method, normalize, missing, rate, seed, normalize_over)
        return work_on_parts(work, Path(runs[0]), out, cluster)
    candidates = join_runs({path: read_run(path) for path in runs})
    labels = str(qrels)  # a column's name that no run has
    if qrels is not None:
        candidates = candidates.join(_labels(qrels, labels), labels)
    made, report = ensembled(candidates, runs, method, labels, normalize, missing, rate, seed, normalize_over)
    write_run(made, out, method, tag=method)
    if json:
        print_json({"out": str(out), **asdict(report)})
    else:
        print("\n".join(_lines(made, report)))
    say_wrote(out)


def _labels(qrels: Path, column: str) -> Candidates:
    judgments = read_qrels(qrels)
    return judgments.with_columns({column: judgments["label"]})


def _lines(made: Candidates, report: EnsembleReport) -> list[str]:
    """The report for people."""
    lines = [
        f"{report.method} of {len(report.teachers)} runs: {made.n_queries:,} queries, {report.candidates:,} candidates"
    ]
    if report.unlabelled is not None:
        lines.append(f"{report.unlabelled:,} candidates without a label keep the mean")
    lines += [f"{name}: {count:,} scores missing, {report.policy}" for name, count in report.missing.items() if count]
    if report.dropped:
        lines.append(f"{report.dropped:,} candidates dropped for want of a score")
    return lines + ([str(report.pile)] if report.pile else [])
