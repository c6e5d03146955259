"""score: a model's score for every candidate of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from rankdistill.cli.cluster import ALONE, Cluster, in_parts, score_by_experts, score_parts
from rankdistill.cli.expert_names import Classifiers
from rankdistill.cli.options import SCORING, Out, RunOrOwn, Scoring, Source
from rankdistill.cli.output import say_wrote
from rankdistill.cli.outputs import OUTPUT_FILE
from rankdistill.cli.scored import MODEL, saved_beside
from rankdistill.data.collection import own_candidates
from rankdistill.data.sources import describe_pairs, load_collection
from rankdistill.data.sources.pairs.submission import places_in_split, write_submission
from rankdistill.data.trec.read import read_run
from rankdistill.data.trec.write import write_run
from rankdistill.errors import DataError, UsageError
from rankdistill.files.outputs import check_output_file, check_output_folder
from rankdistill.scoring.score import score as score_candidates


def score(
    *,
    model: Annotated[str | None, Parameter(help="Cross-encoder: its folder or hub id.")] = None,
    experts: Annotated[
        tuple[str, ...],
        Parameter(
            help="Of pairs:FOLDER or lists:FOLDER, instead of a model: several at once, whose scores, of classifiers "
            "every logit, are added to the parts. MODEL or NAME=MODEL; the names are e1, e2, ... by default."
        ),
    ] = (),
    classifiers: Classifiers = (),
    collection: Source,
    out: Out,
    run: RunOrOwn = None,
    predict: Annotated[
        Path | None,
        OUTPUT_FILE,
        Parameter(
            help="Of a task of scored pairs: file to write the labels of one split to, as GLUE takes submissions. The "
            "index is the pair's place in the split's file."
        ),
    ] = None,
    split: Annotated[
        str | None, Parameter(help="Score only the queries of this split of the collection, for example test.")
    ] = None,
    scoring: Scoring = SCORING,
    cluster: Cluster = ALONE,
) -> None:
    """Score every candidate of a run with a cross-encoder and write a run.

    All candidates are kept, in the model's order: a teacher's run, for ensemble. A killed command resumes when it is
    run again: scores are saved beside the run, in OUT.scores, which may be deleted once the run is written. A run in
    parts (`rankdistill parts`) is scored part by part, here or by Ray, and so are pairs of sentences (`rankdistill
    corpus`) and lists (`rankdistill retrieve --lists`) by several experts, for `rekindle`. For example

        rankdistill score --model runs/teacher1/model --collection pydocs \\
            --run bm25.trec --out teacher1.trec
        rankdistill score --model runs/rte/model --collection glue:rte@glue --split test \\
            --out rte.trec --predict RTE.tsv
        rankdistill score --experts rte=runs/rte/model sts=runs/sts/model \\
            --collection pairs:runs/wikipedia.pairs --out runs/wikipedia.scored
        rankdistill score --experts ranker=runs/ranker/model sts=runs/sts/model \\
            --collection lists:runs/log.lists --out runs/log.scored
    """
    if experts:
        if model is not None or run is not None or split is not None or predict is not None:
            raise UsageError(
                "--experts score pairs:FOLDER or lists:FOLDER: --model, --run, --split and --predict are for one model"
            )
        check_output_folder(out)
        return score_by_experts(experts, collection, out, scoring, cluster, classifiers)
    if classifiers:
        raise UsageError("--classifiers are among --experts: got none")
    if model is None:
        raise UsageError("expected --model, or of pairs:FOLDER and lists:FOLDER --experts")
    if run is None:
        check_output_file(out)  # a folder is for a run in parts
    elif in_parts([run], cluster, out):
        if split is not None or predict is not None:
            raise UsageError("--split and --predict are for runs in one file")
        return score_parts(model, collection, run, out, scoring, cluster)
    settings = saved_beside(out, scoring)
    if predict is not None and describe_pairs(collection) is None:
        raise UsageError(f"--predict writes labels of scored pairs, and {collection} is a ranking")
    source = load_collection(collection)
    candidates = own_candidates(source) if run is None else read_run(run, collection=source)
    if split is not None:
        candidates = source.in_split(candidates, split)
        if not candidates.n_queries:
            raise DataError(f"none of the queries is in split {split!r} of {source.name}")
    whose, places = (None, None) if predict is None else places_in_split(candidates, source)
    scores = score_candidates(model, candidates, source, settings)
    write_run(candidates.with_columns({MODEL: scores}), out, MODEL)
    say_wrote(out, f"{candidates.n_queries:,} queries, {len(candidates):,} candidates")
    if predict is not None and whose is not None and places is not None and source.scored_pairs is not None:
        write_submission(scores, places, source.scored_pairs, predict)
        say_wrote(predict, f"{len(scores):,} of the {len(source.split(whose)):,} labels of {whose}")
