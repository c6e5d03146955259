"""score: a model's score for every candidate of a run."""

from __future__ import annotations

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
from rankdistill.data.collection import load_collection
from rankdistill.data.trec import read_run
from rankdistill.data.trec_write import write_run


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
    config: Config = None,
) -> None:
    """Score every candidate of a run with a cross-encoder and write a run.

    All candidates are kept, in the model's order: a teacher's run, for ensemble. After a kill the same command goes on
    from the scores kept beside the run, in OUT.scores, which may be deleted when the run is there. For example

        rankdistill score --model runs/teacher1/model --collection pydocs \\
            --run bm25.trec --out teacher1.trec
    """
    candidates = read_run(run)
    source = load_collection(collection)
    from rankdistill.cli.scored import MODEL, store_beside, with_model_scores
    from rankdistill.models import CrossEncoder

    encoder = CrossEncoder.from_pretrained(model, engine, dtype)
    scored = with_model_scores(encoder, candidates, source, store or store_beside(out), batch_tokens, dtype, passages)
    write_run(scored, out, MODEL)
    say_wrote(out, f"{scored.n_queries:,} queries, {len(scored):,} candidates")
