"""case: one query's candidates with every teacher's score, or one text of a task with each word masked in turn."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from rankdistill.cli.masked_words import show_masked_words
from rankdistill.cli.options import RUN_FORMS, Ensembling, Json, ReadingRuns, Seed
from rankdistill.cli.output import print_json, print_rich, say, short_names, table
from rankdistill.data.sources import SYNTAX, describe_pairs, load_collection
from rankdistill.data.trec.read import read_qrels
from rankdistill.ensembling.case import case as case_of
from rankdistill.ensembling.join import join_runs
from rankdistill.ensembling.settings import EnsembleSettings
from rankdistill.errors import UsageError
from rankdistill.evaluation.conventions import Reading

LABEL = "label"
SNIPPET = 60


def case(
    query: Annotated[str, Parameter(help="Id of the query, or of a task's text or pair, such as dev-12.")],
    *,
    runs: Annotated[tuple[str, ...], Parameter(help=f"The teachers: {RUN_FORMS}.")] = (),
    qrels: Annotated[Path | None, Parameter(help="Relevance judgments: TREC or BEIR qrels, plain or .gz.")] = None,
    models: Annotated[
        tuple[str, ...],
        Parameter(help="Of a task of scored pairs: the models to compare, teacher and students, folders or hub ids."),
    ] = (),
    collection: Annotated[str | None, Parameter(help=f"Collection whose texts are shown: {SYNTAX}.")] = None,
    settings: Ensembling = EnsembleSettings(),  # noqa: B008  # frozen
    reading: ReadingRuns = Reading(),  # noqa: B008  # frozen
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Show one query's candidates with every teacher's score, the mean's and PILE's.

    The most relevant stand first, then those that PILE scores highest; below stand the pairs that each orders against
    the labels. For example

        rankdistill case 1037798 --runs bert.trec t5.trec llm.trec --qrels qrels.txt --normalize zscore

    Of a task's text or pair: each word is masked in turn, and what the models say of the rest is shown, the label's
    probability and the entropy, in nats. A model that knows which word counts is unsure where that word is masked. For
    example

        rankdistill case dev-12 --collection glue:sst2@glue --models runs/sst2/model runs/sst2-small/model
    """
    if collection is not None and describe_pairs(collection) is not None:
        if runs or qrels is not None or not models:
            raise UsageError(f"{collection} is a task of scored pairs: give --models, and neither --runs nor --qrels")
        return show_masked_words(load_collection(collection), query, models, as_json)
    if models or not runs or qrels is None:
        raise UsageError("give --runs and --qrels; or, of a task of scored pairs, --collection and --models")
    source = load_collection(collection) if collection is not None else None
    candidates = join_runs({path: reading.candidates(path, source) for path in runs})
    candidates = candidates.join(read_qrels(qrels), LABEL)
    found = case_of(candidates, runs, query, settings, labels=LABEL, seed=seed)
    short = dict(zip([*runs, "mean", "pile"], [*short_names(runs), "mean", "pile"], strict=True))
    names = [*runs, "mean", "pile"]
    texts = None
    if source is not None:
        texts = source.documents.take(found.doc_ids)
        say(f"query {query}: {source.queries[query]}")
    rows = [
        {"document": document, LABEL: float(found.labels[i])} | {name: float(found.scores[name][i]) for name in names}
        for i, document in enumerate(found.doc_ids)
    ]
    if as_json:
        print_json({"query": query, "pairs": found.pairs, "reversed": found.reversed_pairs, "candidates": rows})
        return
    shown = [[str(row["document"]), _number(row[LABEL], 0), *(_number(row[name], 4) for name in names)] for row in rows]
    if texts is not None:
        shown = [[*line, " ".join(text.split())[:SNIPPET]] for line, text in zip(shown, texts, strict=True)]
    headings = ["document", LABEL, *short.values(), *(["text"] if texts is not None else [])]
    print_rich(table(headings, shown))
    told = ", ".join(f"{short[name]} {count:,}" for name, count in found.reversed_pairs.items())
    for name, count in found.missing.items():
        if count:
            print(f"{short[name]} lacks {count:,} of the query's candidates, shown as -: {settings.missing}")
    print(f"of {found.pairs:,} pairs of different labels reversed: {told}")


def _number(value: object, digits: int) -> str:
    return "-" if not isinstance(value, float) or math.isnan(value) else f"{value:.{digits}f}"
