"""Options that several commands have, with the words their ``--help`` says about them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from rankdistill.ensembling.settings import EnsembleSettings
from rankdistill.evaluation.conventions import Conventions, UnjudgedChoice

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
    UnjudgedChoice,
    Parameter(
        name="unjudged",
        help="What candidates without a judgment are: missing (in no pair), or irrelevant (grade 0). auto: as the "
        "collection states; else irrelevant where all judgments are above 0, missing where one is 0 or below.",
    ),
]
Ensembling = Annotated[EnsembleSettings, Parameter(name="*")]
Measuring = Annotated[Conventions, Parameter(name="*")]
Source = Annotated[
    str,
    Parameter(help="Collection: pydocs, irds:DATASET_ID, or a folder in the BEIR layout (FOLDER#TAG of its files)."),
]
Model = Annotated[str, Parameter(help="Cross-encoder: its folder, or its id on the hub.")]
Run = Annotated[Path, Parameter(help="Candidates: TREC or MS MARCO's three columns, plain or .gz; or parts.")]
Out = Annotated[Path, Parameter(help="TREC run to write, gzipped where the name ends in .gz; of parts, a folder.")]
BatchTokens = Annotated[
    int | None,
    Parameter(
        help="Tokens in a batch, padding included: more is faster until memory ends. [default: by device]",
        validator=Number(gte=1),
    ),
]
EngineOption = Annotated[
    Literal["auto", "torch", "onnx", "openvino"],
    Parameter(
        name="--engine",
        help="What runs the model; onnx and openvino need the extra of their name; auto is the fastest of those "
        "installed, found by a short measurement that is remembered.",
    ),
]
Dtype = Annotated[
    Literal["auto", "float32", "bfloat16", "int8"] | None,
    Parameter(help="Precision, as far as the engine has it; auto is bfloat16 where it pays. [default: float32]"),
]
PassagesOption = Annotated[
    Literal["first", "max", "mean"],
    Parameter(
        name="--passages",
        help="What a document longer than the model reads is scored by: its first tokens, its best window, or the mean "
        "of its windows.",
    ),
]
Store = Annotated[
    Path | None,
    Parameter(help="Folder where scores are kept as they are made, to go on from after a kill. [default: OUT.scores]"),
]
