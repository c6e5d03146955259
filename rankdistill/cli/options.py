"""Options that several commands share, with their text in ``--help``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from rankdistill.cli.outputs import OUTPUT_RUN, SCORE_STORE
from rankdistill.data.sources import SYNTAX
from rankdistill.ensembling.settings import EnsembleSettings
from rankdistill.evaluation.conventions import Conventions, Reading, UnjudgedChoice
from rankdistill.scoring.settings import ScoringSettings

Json = Annotated[
    bool,
    Parameter(
        name="--json",
        help="Print the result as JSON alone on standard output; infinite and undefined values are null.",
        show_default=False,
    ),
]
Processes = Annotated[
    int | None,
    Parameter(
        help="Processes to work in; the result does not depend on it. [default: one per core]",
        validator=Number(gte=1),
    ),
]
Seed = Annotated[int, Parameter(help="The same seed gives the same result, with any number of threads.")]
Qrels = Annotated[
    Path | None,
    Parameter(help="Relevance judgments: TREC or BEIR qrels, plain or .gz. [default: the collection's]"),
]
RUN_FORMS = "TREC, or three columns, plain or .gz; or scores as JSON, JSON lines, Parquet or Margin-MSE's triples"
Runs = Annotated[tuple[str, ...], Parameter(help=f"Runs: {RUN_FORMS}; or folders of parts.")]
"""Paths as text, since the results of a run are named by its path as it was given."""
Judged = Annotated[
    str | None,
    Parameter(name="--collection", help=f"Collection whose judgments or texts are used: {SYNTAX}."),
]
Texts = Annotated[
    str | None,
    Parameter(
        name="--collection",
        help=f"Collection that has the ids where files of scores name queries and passages by their texts: {SYNTAX}.",
    ),
]
JudgedSplit = Annotated[
    str | None,
    Parameter(name="--split", help="Measure only on the queries of this split of the collection, for example test."),
]
Measures = Annotated[
    tuple[str, ...],
    Parameter(
        help="Measures by ir_measures' names, and PNR, DCG: nDCG@10 RR@10 AP(rel=2) PNR DCG@10 ...",
        show_default=" ".join,
    ),
]
UnjudgedOption = Annotated[
    UnjudgedChoice,
    Parameter(
        name="unjudged",
        help="What candidates without a judgment are: missing (in no pair), or irrelevant (grade 0). auto: as the "
        "collection states; else irrelevant where all judgments are above 0, missing where one is 0 or below.",
    ),
]
Ensembling = Annotated[EnsembleSettings, Parameter(name="*")]
Measuring = Annotated[Conventions, Parameter(name="*")]
ReadingRuns = Annotated[Reading, Parameter(name="*")]
Source = Annotated[
    str,
    Parameter(help=f"Collection: {SYNTAX}."),
]
Model = Annotated[str, Parameter(help="Cross-encoder: its folder or hub id.")]
Run = Annotated[
    Path,
    Parameter(help=f"Run of first-stage candidates: {RUN_FORMS}; or a folder of parts."),
]
RunOrOwn = Annotated[
    Path | None,
    Parameter(
        name="run",
        help=f"Run of first-stage candidates: {RUN_FORMS}; or a folder of parts. [default: the candidates that the "
        "collection has, as tasks of scored pairs do]",
    ),
]
Out = Annotated[
    Path,
    OUTPUT_RUN,
    Parameter(help="TREC run to write, compressed where the name ends in .gz; for a run in parts, a folder."),
]
Scoring = Annotated[ScoringSettings, SCORE_STORE, Parameter(name="*")]
SCORING = ScoringSettings()
