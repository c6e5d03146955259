"""rerank: a run in a model's order, or in that of the model's scores fused with the first stage's."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from rankdistill.cli.cluster import ALONE, Cluster, in_parts, score_parts
from rankdistill.cli.options import SCORING, Model, Out, Run, Scoring, Source
from rankdistill.cli.output import say, say_wrote
from rankdistill.cli.scored import FIRST_STAGE, MODEL, saved_beside
from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection
from rankdistill.data.sources import load_collection
from rankdistill.data.trec.read import read_qrels, read_run
from rankdistill.data.trec.write import write_run
from rankdistill.errors import DataError, UsageError
from rankdistill.scoring.score import load_scorer
from rankdistill.scoring.score import score as score_candidates

if TYPE_CHECKING:
    from rankdistill.tasks.task import Task


def rerank(
    *,
    model: Model,
    collection: Source,
    run: Run,
    out: Out,
    top_k: Annotated[
        int | None,
        Parameter(
            help="Candidates of each query to re-rank, the first stage's best; others are dropped. [default: all]",
            validator=Number(gte=1),
        ),
    ] = None,
    fuse: Annotated[
        float | Literal["auto"] | None,
        Parameter(
            help="Weight W of the first stage: z(model) + W z(run), z-scores within the query; auto: the weight with "
            "the best nDCG@10 on the judged queries of the dev split. [default: the model's scores alone]"
        ),
    ] = None,
    dev_run: Annotated[
        Path | None, Parameter(help="For auto: a run of the dev split's queries. [default: those in --run]")
    ] = None,
    qrels: Annotated[Path | None, Parameter(help="For auto: judgments. [default: the collection's]")] = None,
    scoring: Scoring = SCORING,
    cluster: Cluster = ALONE,
) -> None:
    """Re-rank a run with a cross-encoder, alone or fused with the first stage's scores.

    A killed command resumes when it is run again: scores are saved beside the run, in OUT.scores, which may be deleted
    once the run is written. A run in parts (`rankdistill parts`) is re-ranked part by part, here or by Ray. For example

        rankdistill rerank --model runs/student/model --collection pydocs \\
            --run bm25.trec --top-k 50 --fuse auto --out student.trec
    """
    if fuse != "auto" and (dev_run or qrels):
        raise UsageError("--dev-run and --qrels belong to --fuse auto")
    if isinstance(fuse, float) and not math.isfinite(fuse):
        raise UsageError(f"--fuse must be a finite number or auto, got {fuse}")
    if in_parts([run], cluster, out):
        if fuse == "auto":
            raise UsageError("--fuse auto is not for a run in parts: tune the weight on a run of the dev queries first")
        return score_parts(model, collection, run, out, scoring, cluster, top_k, None if fuse is None else float(fuse))
    settings = saved_beside(out, scoring)
    source = load_collection(collection)
    candidates = _best(read_run(run, collection=source), top_k)
    dev = None
    if fuse == "auto":  # before anything is scored, so that a mistake costs no time
        own = _best(read_run(dev_run, collection=source), top_k) if dev_run else None
        dev = _judged_dev(source, candidates, own, qrels)

    encoder, settings = load_scorer(model, settings, source), settings.without_asking()
    scored = candidates.with_columns({MODEL: score_candidates(encoder, candidates, source, settings)})
    weight = None if fuse is None or fuse == "auto" else float(fuse)
    if dev is not None:
        if dev_run:
            scores = score_candidates(encoder, dev.candidates, source, settings, description="scoring the dev run")
            dev_scored = dev.candidates.with_columns({MODEL: scores})
        else:
            dev_scored = dev.candidates.join(scored, MODEL)
        from rankdistill.ensembling.fuse import tune_weight

        tuned = tune_weight(dev_scored, MODEL, FIRST_STAGE, dev.judgments)
        say(str(tuned))
        weight = tuned.weight
    by = MODEL
    if weight is not None:
        from rankdistill.ensembling.fuse import fuse as fuse_scores

        by = "fused"
        fused = fuse_scores(scored[MODEL], scored[FIRST_STAGE], scored.offsets, weight)
        scored = scored.with_columns({by: fused})
    write_run(scored, out, by)
    say_wrote(out, f"{scored.n_queries:,} queries, {len(scored):,} candidates")


def _best(run: Candidates, top_k: int | None) -> Candidates:
    return run if top_k is None else run.top_k(top_k, by=FIRST_STAGE)


def _judged_dev(collection: Collection, candidates: Candidates, dev_run: Candidates | None, qrels: Path | None) -> Task:
    """Return the judged queries of the dev split, or of a run of that split, as the task to tune the weight on."""
    from rankdistill.tasks.task import Task

    if qrels is None and collection.qrels is None:
        raise UsageError(f"--fuse auto needs judgments and {collection.name} has none: give --qrels, or a weight")
    task = Task(collection, candidates, qrels=read_qrels(qrels) if qrels else None)
    dev = (task.part("dev") if dev_run is None else task.with_candidates(dev_run)).judged()
    if not dev.candidates.n_queries:
        raise DataError(
            "--fuse auto finds no judged query of the dev split in the run: retrieve them (--split dev) and give that "
            "run as --dev-run, or give a weight"
        )
    return dev
