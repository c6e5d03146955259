"""score: a model's score for every candidate of a run."""

from __future__ import annotations

from rankdistill.cli.cluster import ALONE, Cluster, in_parts, score_parts
from rankdistill.cli.options import SCORING, Model, Out, Run, Scoring, Source
from rankdistill.cli.output import say_wrote
from rankdistill.cli.scored import MODEL, saved_beside
from rankdistill.data.sources import load_collection
from rankdistill.data.trec.read import read_run
from rankdistill.data.trec.write import write_run
from rankdistill.scoring.score import score as score_candidates


def score(
    *,
    model: Model,
    collection: Source,
    run: Run,
    out: Out,
    scoring: Scoring = SCORING,
    cluster: Cluster = ALONE,
) -> None:
    """Score every candidate of a run with a cross-encoder and write a run.

    All candidates are kept, in the model's order: a teacher's run, for ensemble. A killed command resumes when it is
    run again: scores are saved beside the run, in OUT.scores, which may be deleted once the run is written. A run in
    parts (`rankdistill parts`) is scored part by part, here or by Ray. For example

        rankdistill score --model runs/teacher1/model --collection pydocs \\
            --run bm25.trec --out teacher1.trec
    """
    if in_parts([run], cluster, out):
        return score_parts(model, collection, run, out, scoring, cluster)
    settings = saved_beside(out, scoring)
    candidates, source = read_run(run), load_collection(collection)
    scores = score_candidates(model, candidates, source, settings)
    write_run(candidates.with_columns({MODEL: scores}), out, MODEL)
    say_wrote(out, f"{candidates.n_queries:,} queries, {len(candidates):,} candidates")
