"""Options that several commands have, with the words their ``--help`` says about them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from rankdistill.data.candidates import Ties as TiesRule
from rankdistill.data.trec.read import Precision as ScorePrecision
from rankdistill.ensembling.normalize import Scope
from rankdistill.evaluation.judged import Unjudged
from rankdistill.scoring.settings import ScoringSettings

Json = Annotated[
    bool, Parameter(help="Print the result as JSON, and only that, on standard output.", show_default=False)
]
Config = Annotated[
    Path | None, Parameter(help="YAML file with options of this command by name; the command line wins.")
]
Seed = Annotated[int, Parameter(help="Same seed, same result, whatever the number of threads.")]
Qrels = Annotated[
    Path | None,
    Parameter(help="Relevance judgments: TREC or BEIR qrels, plain or .gz. [default: the collection's]"),
]
Judged = Annotated[
    str | None,
    Parameter(
        name="--collection", help="Collection whose judgments or texts are used: pydocs, irds:DATASET_ID or a folder."
    ),
]
JudgedSplit = Annotated[
    str | None, Parameter(name="--split", help="Measure on this split of the collection alone: test.")
]
Measures = Annotated[
    tuple[str, ...],
    Parameter(
        help="Measures of ir_measures, and PNR and DCG: nDCG@10 RR@10 AP(rel=2) PNR DCG@10 ...", show_default=" ".join
    ),
]
UnjudgedOption = Annotated[
    Unjudged,
    Parameter(name="unjudged", help="What candidates without a judgment are: missing (in no pair), or of grade 0."),
]
Ties = Annotated[
    TiesRule,
    Parameter(
        help="What ranks first of equal scores: the larger document id (trec, as trec_eval), the smaller (docid-asc, "
        "as MS MARCO's script and ir_measures' RR@k), or as the run's ranks say (rank)."
    ),
]
Precision = Annotated[
    ScorePrecision, Parameter(help="What scores compare as: float32, as trec_eval 9, or float64, as trec_eval 10.")
]
NormalizeOver = Annotated[
    Scope,
    Parameter(
        name="--normalize-over", help="Bring each query's candidates to that scale by themselves, or all as one list."
    ),
]
Source = Annotated[
    str,
    Parameter(help="Collection: pydocs, irds:DATASET_ID, or a folder in the BEIR layout (FOLDER#TAG of its files)."),
]
Model = Annotated[str, Parameter(help="Cross-encoder: its folder, or its id on the hub.")]
Run = Annotated[Path, Parameter(help="Candidates: TREC or MS MARCO's three columns, plain or .gz; or parts.")]
Out = Annotated[Path, Parameter(help="TREC run to write, gzipped where the name ends in .gz; of parts, a folder.")]
Scoring = Annotated[ScoringSettings, Parameter(name="*")]
SCORING = ScoringSettings()
