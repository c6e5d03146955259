"""finetune: a cross-encoder learns from relevance labels."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from rankdistill.cli.options import Config, Measures, Run, Source, UnjudgedOption
from rankdistill.cli.output import say_wrote
from rankdistill.cli.training import (
    DEFAULTS,
    DevSplit,
    Layers,
    MaxLength,
    Settings,
    StartOption,
    TestSplit,
    TrainSplit,
    check_before_work,
    finish,
)
from rankdistill.data import load_collection, read_run
from rankdistill.evaluation import DEFAULT_MEASURES
from rankdistill.models import DEFAULT_BASE
from rankdistill.recipes import finetune as finetune_recipe
from rankdistill.recipes import start_model
from rankdistill.recipes.held_out import required_split
from rankdistill.recipes.labels import LABEL
from rankdistill.tasks import Task
from rankdistill.training import Objective
from rankdistill.training.distributed import processes


def finetune(
    *,
    collection: Source,
    run: Run,
    out: Annotated[Path, Parameter(help="Folder for model/, run.trec.gz, metrics.json and config.yaml.")],
    base: Annotated[
        str, Parameter(help="Encoder or cross-encoder to start from: a folder or a hub id.")
    ] = DEFAULT_BASE,
    start: StartOption = "auto",
    layers: Layers = (),
    max_length: MaxLength = 128,
    objective: Annotated[str, Parameter(help="Losses, such as 'hinge(label)' or 'list_cross_entropy(label)'.")] = (
        "hinge(label)"
    ),
    unjudged: UnjudgedOption = "auto",
    share: Annotated[
        float,
        Parameter(
            help="Train on this random share of the queries, as PILE's teachers do.", validator=Number(gt=0, lte=1)
        ),
    ] = 1.0,
    train_split: TrainSplit = "train",
    dev_split: DevSplit = "dev",
    test_split: TestSplit = "test",
    measures: Measures = DEFAULT_MEASURES,
    settings: Settings = DEFAULTS,
    config: Config = None,
) -> None:
    """Fine-tune a cross-encoder, a teacher or a baseline, on relevance labels.

    For example

        rankdistill finetune --collection pydocs --run bm25.trec --out runs/teacher1
    """
    parsed = Objective.parse(objective)  # a mistake there costs no time
    source, candidates = load_collection(collection), read_run(run)
    training = required_split(candidates, source, train_split)
    held_out = source.in_split(candidates, test_split)
    check_before_work(out, measures, parsed, (*candidates.columns, LABEL))
    model = start_model(
        source,
        base,
        start=start,
        layers=layers or None,
        max_length=max_length,
        seed=settings.seed,
        candidates=training,
        settings=settings,
        out=out / "start",
    )
    dev = source.in_split(candidates, dev_split) if settings.eval_steps else None
    finetune_recipe(
        source,
        training,
        model,
        settings,
        objective=objective,
        unjudged=unjudged,
        share=share,
        sample_seed=settings.seed,
        dev=Task(source, dev) if dev is not None and dev.n_queries else None,
        out=out,
    )
    if processes()[0]:  # what is left is for the first of torchrun's processes
        return
    options: dict[str, Any] = {
        "collection": collection,
        "run": str(run),
        "base": base,
        "start": start,
        "layers": list(layers),
        "max_length": max_length,
        "objective": objective,
        "share": share,
        "train_split": train_split,
        "dev_split": dev_split,
        "test_split": test_split,
    }
    finish(model, held_out, source, out, measures, settings, options, unjudged)
    say_wrote(out / "model")
