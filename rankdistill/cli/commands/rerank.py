"""rerank: a run in a model's order, or in that of the model's scores fused with the first stage's."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from rankdistill.cli.cluster import ALONE, Cluster, from_anywhere, in_parts, work_on_parts
from rankdistill.cli.options import (
    BatchTokens,
    Config,
    Dtype,
    EngineOption,
    Model,
    Out,
    PassagesOption,
    Run,
    Source,
    Store,
)
from rankdistill.cli.output import say, say_wrote
from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection
from rankdistill.data.sources import load_collection
from rankdistill.data.trec.read import read_qrels, read_run
from rankdistill.data.trec.write import write_run
from rankdistill.errors import DataError, UsageError


def rerank(
    *,
    model: Model,
    collection: Source,
    run: Run,
    out: Out,
    top_k: Annotated[
        int | None, Parameter(help="Re-rank and keep this many of a query's first-stage best. [default: all]")
    ] = None,
    fuse: Annotated[
        float | Literal["auto"] | None,
        Parameter(
            help="Weight W of the first stage: z(model) + W z(run), z-scores within the query; auto: tuned by nDCG@10 "
            "on the judged queries of the dev split."
        ),
    ] = None,
    dev_run: Annotated[
        Path | None, Parameter(help="For auto: a run of the dev split's queries. [default: those in --run]")
    ] = None,
    qrels: Annotated[Path | None, Parameter(help="For auto: judgments. [default: the collection's]")] = None,
    batch_tokens: BatchTokens = None,
    engine: EngineOption = "torch",
    dtype: Dtype = None,
    passages: PassagesOption = "first",
    store: Store = None,
    cluster: Cluster = ALONE,
    config: Config = None,
) -> None:
    """Re-rank a run with a cross-encoder, alone or fused with the first stage's scores.

    After a kill the same command goes on from the scores kept beside the run, in OUT.scores, which may be deleted when
    the run is there. Of a run in parts (`rankdistill parts`) parts are made, here or by Ray. For example

        rankdistill rerank --model runs/student/model --collection pydocs \\
            --run bm25.trec --top-k 50 --fuse auto --out student.trec
    """
    if fuse != "auto" and (dev_run or qrels):
        raise UsageError("--dev-run and --qrels belong to --fuse auto")
    if isinstance(fuse, float) and not math.isfinite(fuse):
        raise UsageError(f"--fuse must be a finite number or auto, got {fuse}")
    if in_parts([run], cluster):
        if fuse == "auto":
            raise UsageError("--fuse auto is not for a run in parts: tune the weight on a run of the dev queries first")
        if store:
            raise UsageError("--store is for a run in one file: of parts, those that are done are in --out")
        if engine == "auto" and cluster.engine_cluster:
            raise UsageError("--engine auto would choose for each worker: name the engine")
        from rankdistill.cluster import ScoreParts

        names, alone = (from_anywhere(model), from_anywhere(collection)), None if fuse is None else float(fuse)
        work = ScoreParts(*names, engine, dtype, batch_tokens, passages, top_k, alone)
        return work_on_parts(work, run, out, cluster)
    candidates = _best(read_run(run), top_k)
    source = load_collection(collection)
    if fuse == "auto":  # before anything is scored, so that a mistake costs no time
        judgments = _judgments(source, qrels)
        tuned_on = _judged(_best(read_run(dev_run), top_k) if dev_run else _dev_queries(candidates, source), judgments)

    from rankdistill.cli.scored import FIRST_STAGE, MODEL, store_beside, with_model_scores
    from rankdistill.ensembling.fuse import fuse as fused
    from rankdistill.ensembling.fuse import tune_weight
    from rankdistill.models import CrossEncoder

    encoder = CrossEncoder.from_pretrained(model, engine, dtype)
    scored = partial(
        with_model_scores,
        encoder,
        collection=source,
        store=store or store_beside(out),
        batch_tokens=batch_tokens,
        dtype=dtype,
        passages=passages,
    )
    made, by, weight = scored(candidates), MODEL, fuse
    if fuse == "auto":
        dev = scored(tuned_on, description="scoring dev") if dev_run else tuned_on.join(made, MODEL)
        tuned = tune_weight(dev, MODEL, FIRST_STAGE, judgments)
        say(str(tuned))
        weight = tuned.weight
    if weight is not None:
        by = "fused"
        made = made.with_columns(fused=fused(made[MODEL], made[FIRST_STAGE], made.offsets, float(weight)))
    write_run(made, out, by)
    say_wrote(out, f"{made.n_queries:,} queries, {len(made):,} candidates")


def _best(run: Candidates, top_k: int | None) -> Candidates:
    return run if top_k is None else run.top_k(top_k, by="score")


def _judgments(collection: Collection, qrels: Path | None) -> Candidates:
    judgments = read_qrels(qrels) if qrels else collection.qrels
    if judgments is None:
        raise UsageError(f"--fuse auto needs judgments and {collection.name} has none: give --qrels, or a weight")
    return judgments


def _dev_queries(candidates: Candidates, collection: Collection) -> Candidates:
    return collection.in_split(candidates, "dev")


def _judged(candidates: Candidates, judgments: Candidates) -> Candidates:
    judged = candidates.only_queries(judgments.query_ids)
    if not judged.n_queries:
        raise DataError(
            "--fuse auto finds no judged query of the dev split in the run: retrieve them (--split dev) and give that "
            "run as --dev-run, or give a weight"
        )
    return judged
