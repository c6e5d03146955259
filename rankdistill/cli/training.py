"""What the commands that train share: their options, how a model starts, what is left in the folder at the end."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import yaml
from cyclopts import Parameter
from cyclopts.validators import Number

from rankdistill.cli.output import print_rich, say, table
from rankdistill.data import Candidates, Collection
from rankdistill.errors import DataError, UnknownNameError
from rankdistill.evaluation.conventions import UnjudgedChoice
from rankdistill.evaluation.names import parse_measures
from rankdistill.evaluation.report.render import count, number
from rankdistill.files.atomic import atomic_path
from rankdistill.models import CrossEncoder
from rankdistill.recipes.held_out import measure_model
from rankdistill.recipes.start import Start
from rankdistill.training import Objective, TrainingSettings

DEFAULTS = TrainingSettings()

Layers = Annotated[
    tuple[int, ...],
    Parameter(
        help="Layers of the base to keep, from 0, its last among them: --layers 0 4 5. They first learn, without "
        "labels, to do as all do. A start from the cosine adds a layer of its own on top. [default: all]",
        show_default=False,
    ),
]
MaxLength = Annotated[
    int, Parameter(help="Tokens of a (query, document) pair; longer ones are cut.", validator=Number(gte=8))
]
StartOption = Annotated[
    Start,
    Parameter(
        name="start",
        help="cosine: weights made so that the model ranks by the base's cosine at once, one layer deeper; plain: the "
        "base's own head, or a new one; auto: cosine for a BERT-like sentence encoder, plain for all else.",
    ),
]
Settings = Annotated[TrainingSettings, Parameter(name="*")]
TrainSplit = Annotated[str, Parameter(help="Split of the collection to train on.")]
DevSplit = Annotated[str, Parameter(help="Split to choose the best checkpoint on, with --eval-steps.")]
TestSplit = Annotated[str, Parameter(help="Split to measure on at the end.")]


def finish(
    model: CrossEncoder,
    held_out: Candidates,
    collection: Collection,
    out: Path,
    measures: Sequence[str],
    settings: TrainingSettings,
    options: Mapping[str, Any],
    unjudged: UnjudgedChoice,
) -> None:
    """Measure the model on held-out candidates, show it, and write ``config.yaml`` beside run and metrics."""
    shutil.rmtree(out / "start", ignore_errors=True)
    with atomic_path(out / "config.yaml") as path:
        said = {**options, "measures": list(measures), "unjudged": unjudged, **asdict(settings)}
        path.write_text(yaml.safe_dump(said, sort_keys=False))
    if not held_out.n_queries:
        say("no held-out queries in the run: nothing measured")
        return
    metrics = measure_model(model, held_out, collection, out, measures=measures, unjudged=unjudged)
    shown = [number(value) if name in measures else count(value) for name, value in metrics.items()]
    print_rich(table(list(metrics), [shown], left=0))


def check_before_work(out: Path, measures: Sequence[str], objective: Objective, columns: Iterable[str]) -> None:
    """Raise now what would be raised when the work is done: a bad measure or column, a folder that cannot be made."""
    parse_measures(measures)
    for name in objective.columns:
        if name not in columns:
            raise UnknownNameError(f"column of the objective {objective}", name, columns)
    try:
        out.mkdir(parents=True, exist_ok=True)
        with atomic_path(out / "config.yaml.try") as path:
            path.touch()
        (out / "config.yaml.try").unlink(missing_ok=True)  # another process of torchrun may have been here
    except OSError as error:
        raise DataError(f"cannot write into the folder {out}: {error.strerror}") from error
