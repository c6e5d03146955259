"""distill: teachers, models and runs mixed, are ensembled and distilled into a student."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from rankdistill.cli.options import Config, Ensembling, Measures, Run, Source, UnjudgedOption
from rankdistill.cli.output import say, say_wrote
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
from rankdistill.models import DEFAULT_BASE, with_two_logits
from rankdistill.recipes import RECIPES, EnsembleSettings, get_recipe, start_model
from rankdistill.recipes import distill as distill_recipe
from rankdistill.recipes.distill import objective_of
from rankdistill.recipes.held_out import required_split
from rankdistill.recipes.labels import LABEL
from rankdistill.recipes.papers import ENSEMBLED
from rankdistill.recipes.teachers import check_teachers, name_teachers
from rankdistill.tasks import Task
from rankdistill.training.distributed import processes


def distill(
    *,
    collection: Source,
    run: Run,
    teachers: Annotated[
        tuple[str, ...], Parameter(help="Cross-encoders (folder or hub id) and TREC runs, in any mixture.")
    ],
    out: Annotated[Path, Parameter(help="Folder for model/, run.trec.gz, metrics.json, config.yaml and scores/.")],
    student: Annotated[str, Parameter(help="What the student starts from: a folder or a hub id.")] = DEFAULT_BASE,
    start: StartOption = "auto",
    layers: Layers = (),
    max_length: MaxLength = 128,
    recipe: Annotated[
        str | None,
        Parameter(
            help="A paper's head, and its objective, ensemble and settings wherever you say nothing else: "
            f"{', '.join(RECIPES)}. [default: none]"
        ),
    ] = None,
    objective: Annotated[
        str,
        Parameter(
            help="Losses: {target} is the ensemble's score, teacher the one model among the teachers, beside the "
            "student, label the relevance."
        ),
    ] = ENSEMBLED,
    unjudged: UnjudgedOption = "auto",
    ensembling: Ensembling = EnsembleSettings(),  # noqa: B008  # frozen
    train_split: TrainSplit = "train",
    dev_split: DevSplit = "dev",
    test_split: TestSplit = "test",
    measures: Measures = DEFAULT_MEASURES,
    settings: Settings = DEFAULTS,
    config: Config = None,
) -> None:
    """Distil an ensemble of teachers, supervised by the labels, into a small student.

    For example

        rankdistill distill --collection pydocs --run bm25.trec --teachers runs/t1/model runs/t2/model llm.trec
            --method pile --layers 0 4 5 --out runs/student
        rankdistill distill --collection pydocs --run bm25.trec --teachers runs/t1/model
            --recipe pd-bert --layers 0 4 5 --out runs/pd-bert
    """
    followed = get_recipe(recipe) if recipe else None
    parsed = objective_of(objective, ensembling.method)  # a mistake there costs no time
    named = name_teachers(teachers)
    check_teachers(named, parsed, ensembling.method)
    if followed:
        taken = {name: getattr(settings, name) for name in followed.settings}
        say(f"recipe {recipe} ({followed.source}): {parsed}; {taken}")
    source, candidates = load_collection(collection), read_run(run)
    for name, teacher in named.items():
        say(f"{name}: {teacher}")
    training = required_split(candidates, source, train_split)
    held_out = source.in_split(candidates, test_split)
    check_before_work(out, measures, parsed, (*candidates.columns, LABEL, ensembling.method, *named))
    model = start_model(
        source,
        student,
        start=start,
        layers=layers or None,
        max_length=max_length,
        seed=settings.seed,
        candidates=training,
        settings=settings,
        out=out / "start",
    )
    if followed and followed.n_logits == 2:
        model = with_two_logits(model)
    dev = source.in_split(candidates, dev_split) if settings.eval_steps else None
    _, report = distill_recipe(
        source,
        training,
        named,
        model,
        settings,
        ensembling=ensembling,
        objective=objective,
        unjudged=unjudged,
        dev=Task(source, dev) if dev is not None and dev.n_queries else None,
        out=out,
    )
    if processes()[0]:  # what is left is for the first of torchrun's processes
        return
    if report and report.dropped:
        say(f"{report.dropped:,} candidates that some teacher did not score are dropped")
    if report and report.pile:
        say(
            f"PILE: {report.pile.reversed_before:,} reversed pairs before, {report.pile.reversed_after:,} after, "
            f"of {report.pile.comparable:,}"
        )
    options: dict[str, Any] = {
        "collection": collection,
        "run": str(run),
        "teachers": list(teachers),
        "student": student,
        "recipe": recipe,
    }
    options |= {"start": start, "layers": list(layers), "max_length": max_length, "objective": objective}
    options |= asdict(ensembling)
    options |= {"train_split": train_split, "dev_split": dev_split, "test_split": test_split}
    finish(model, held_out, source, out, measures, settings, options, unjudged)
    say_wrote(out / "model")
