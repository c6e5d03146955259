"""What the commands that train share: their options, how a model starts, what is left in the folder at the end."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import yaml
from cyclopts import Parameter

from rankdistill.cli.output import print_rich, say, table
from rankdistill.data import Candidates, Collection, atomic_path
from rankdistill.evaluation.judged import Unjudged
from rankdistill.models import CrossEncoder
from rankdistill.recipes.held_out import measure_model
from rankdistill.recipes.start import Start
from rankdistill.training import TrainingSettings

DEFAULTS = TrainingSettings()

Layers = Annotated[
    tuple[int, ...],
    Parameter(
        help="Layers to keep, from 0: --layers 0 2 5. They first learn, without labels, to do as all do. "
        "[default: all]",
        show_default=False,
    ),
]
MaxLength = Annotated[int, Parameter(help="Tokens of a (query, document) pair; longer ones are cut.")]
StartOption = Annotated[
    Start,
    Parameter(
        name="start",
        help="cosine: weights made so that the model ranks by the base's cosine at once, one layer deeper; plain: the "
        "base's own head, or a new one; auto: cosine for a BERT-like sentence encoder, plain for all else.",
    ),
]
Settings = Annotated[TrainingSettings, Parameter(name="*")]
Split = Annotated[str, Parameter(help="Split of the collection whose queries are used here.")]


def finish(
    model: CrossEncoder,
    held_out: Candidates,
    collection: Collection,
    out: Path,
    measures: Sequence[str],
    settings: TrainingSettings,
    options: Mapping[str, Any],
    unjudged: Unjudged,
) -> None:
    """Measure the model on held-out candidates, show it, and write ``config.yaml`` beside run and metrics."""
    shutil.rmtree(out / "start", ignore_errors=True)
    with atomic_path(out / "config.yaml") as path:
        path.write_text(yaml.safe_dump({**options, "unjudged": unjudged, **asdict(settings)}, sort_keys=False))
    if not held_out.n_queries:
        say("no held-out queries in the run: nothing measured")
        return
    metrics = measure_model(model, held_out, collection, out, measures=measures, unjudged=unjudged)
    print_rich(
        table(list(metrics), [[f"{v:.4f}" if isinstance(v, float) else str(v) for v in metrics.values()]], left=0)
    )
