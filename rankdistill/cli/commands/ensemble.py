"""ensemble: several teachers' runs and the judgments become one run."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from rankdistill.cli.cluster import ALONE, Cluster, in_parts, work_on_parts
from rankdistill.cli.options import RUN_FORMS, Ensembling, Json, Out, ReadingRuns, Seed, Texts
from rankdistill.cli.output import print_json, say_wrote
from rankdistill.data.candidates import Candidates
from rankdistill.data.sources import load_collection
from rankdistill.data.trec.read import read_qrels
from rankdistill.data.trec.write import write_run
from rankdistill.ensembling.ensemble import METHODS, EnsembleReport
from rankdistill.ensembling.ensemble import ensemble as ensembled
from rankdistill.ensembling.join import join_runs
from rankdistill.ensembling.settings import EnsembleSettings
from rankdistill.errors import UsageError
from rankdistill.evaluation.conventions import Reading

LABELS = "\0labels"  # beside columns that are named by the paths of runs, which cannot contain NUL


def ensemble(
    *,
    runs: Annotated[list[str], Parameter(help=f"The teachers: {RUN_FORMS}.")],
    out: Out,
    qrels: Annotated[Path | None, Parameter(help="Relevance judgments; pile needs them.")] = None,
    teachers: Annotated[
        tuple[str, ...],
        Parameter(help="Columns of one folder of parts that are the teachers. [default: each run is a teacher]"),
    ] = (),
    collection: Texts = None,
    settings: Ensembling = EnsembleSettings(),  # noqa: B008  # frozen
    reading: ReadingRuns = Reading(),  # noqa: B008  # frozen
    seed: Seed = 0,
    as_json: Json = False,
    cluster: Cluster = ALONE,
) -> None:
    """Ensemble several teachers' runs into one run.

    The candidates are the pairs that any of the runs has. Of runs in parts (`rankdistill parts`) parts are made one by
    one, here or by Ray. One folder of parts may hold all teachers as columns, named by --teachers; without --qrels the
    labels are its column label. For example

        rankdistill ensemble --runs bert.trec t5.trec llm.trec --qrels qrels.txt \\
            --method pile --missing min --normalize zscore --out pile.trec
        rankdistill ensemble --runs scores.jsonl --collection my-data --method single --out teacher.trec
        rankdistill ensemble --runs scored.parts --teachers bert t5 llm --out pile.parts
    """
    if METHODS[settings.method].needs_labels and qrels is None and not teachers:
        raise UsageError(f"--method {settings.method} needs --qrels")
    if repeated := [path for path in runs if runs.count(path) > 1]:
        raise UsageError(f"run {repeated[0]} is given twice: name each teacher once")
    if in_parts(map(Path, runs), cluster, out):
        if as_json:
            raise UsageError("--json reports on runs in one file; for parts, counts are printed at the end")
        if reading.identical_ids != "keep":
            raise UsageError("--identical-ids drop is for runs in one file: make the parts from a run without them")
        from rankdistill.cluster import EnsembleParts

        folders = tuple(str(Path(folder).absolute()) for folder in runs)
        judgments = str(qrels.absolute()) if qrels else None
        work = EnsembleParts(folders, judgments, settings, seed, teachers)
        return work_on_parts(work, Path(runs[0]), out, cluster)
    if teachers:
        raise UsageError("--teachers names columns of a folder of parts, and the run is a file: leave it out")
    source = load_collection(collection) if collection else None
    candidates = join_runs({path: reading.candidates(path, source) for path in runs})
    if qrels is not None:
        judged = read_qrels(qrels)
        candidates = candidates.join(judged.with_columns({LABELS: judged["label"]}), LABELS)
    combined, report = ensembled(candidates, runs, settings, labels=LABELS, seed=seed)
    write_run(combined, out, settings.method, tag=settings.method)
    if as_json:
        print_json({"out": str(out), **asdict(report)})
    else:
        print("\n".join(_lines(combined, report)))
    say_wrote(out)


def _lines(combined: Candidates, report: EnsembleReport) -> list[str]:
    """The report for people."""
    lines = [
        f"{report.method} of {len(report.teachers)} runs: {combined.n_queries:,} queries, "
        f"{report.candidates:,} candidates"
    ]
    if report.unlabelled is not None:
        lines.append(f"{report.unlabelled:,} candidates without a label keep the mean")
    lines += [f"{name}: {count:,} scores missing, {report.policy}" for name, count in report.missing.items() if count]
    if report.dropped:
        lines.append(f"{report.dropped:,} candidates dropped for want of a score")
    return lines + ([str(report.pile)] if report.pile else [])
