"""score: a model's score for every candidate of a run."""

from __future__ import annotations

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
from rankdistill.cli.output import say_wrote
from rankdistill.data.sources import load_collection
from rankdistill.data.trec.read import read_run
from rankdistill.data.trec.write import write_run
from rankdistill.errors import UsageError


def score(
    *,
    model: Model,
    collection: Source,
    run: Run,
    out: Out,
    batch_tokens: BatchTokens = None,
    engine: EngineOption = "torch",
    dtype: Dtype = None,
    passages: PassagesOption = "first",
    store: Store = None,
    cluster: Cluster = ALONE,
    config: Config = None,
) -> None:
    """Score every candidate of a run with a cross-encoder and write a run.

    All candidates are kept, in the model's order: a teacher's run, for ensemble. After a kill the same command goes on
    from the scores kept beside the run, in OUT.scores, which may be deleted when the run is there. Of a run in parts
    (`rankdistill parts`) parts are made, here or by Ray. For example

        rankdistill score --model runs/teacher1/model --collection pydocs \\
            --run bm25.trec --out teacher1.trec
    """
    if in_parts([run], cluster):
        if store:
            raise UsageError("--store is for a run in one file: of parts, those that are done are in --out")
        if engine == "auto" and cluster.engine_cluster:
            raise UsageError("--engine auto would choose for each worker: name the engine")
        from rankdistill.cluster import ScoreParts

        work = ScoreParts(from_anywhere(model), from_anywhere(collection), engine, dtype, batch_tokens, passages)
        return work_on_parts(work, run, out, cluster)
    candidates = read_run(run)
    source = load_collection(collection)
    from rankdistill.cli.scored import MODEL, store_beside, with_model_scores
    from rankdistill.models import CrossEncoder

    encoder = CrossEncoder.from_pretrained(model, engine, dtype)
    scored = with_model_scores(encoder, candidates, source, store or store_beside(out), batch_tokens, dtype, passages)
    write_run(scored, out, MODEL)
    say_wrote(out, f"{scored.n_queries:,} queries, {len(scored):,} candidates")
