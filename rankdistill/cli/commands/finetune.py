"""finetune: a cross-encoder learns from relevance labels."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from rankdistill.cli.training import KIND, Options, train_command
from rankdistill.cli.written import written
from rankdistill.errors import UsageError
from rankdistill.models import DEFAULT_BASE, CrossEncoder
from rankdistill.recipes import RECIPES
from rankdistill.recipes.finetune import finetune_on
from rankdistill.recipes.student_settings import student_kind
from rankdistill.tasks import LABEL, Task
from rankdistill.training import Objective


def finetune(
    *,
    base: Annotated[
        str, Parameter(help="Encoder or cross-encoder to start from: a folder or a hub id.")
    ] = DEFAULT_BASE,
    student: Annotated[
        str | None,
        Parameter(
            help="Train a small student made from scratch instead: bilstm, biattentive or transformer:LxH (L layers of "
            "width H); it has the base's tokens unless told. [default: none]"
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        Parameter(
            help="A paper's recipe for labels alone: it sets objective and settings unless they are given: "
            f"{', '.join(name for name, each in RECIPES.items() if each.needs == 'labels')}. [default: none]"
        ),
    ] = None,
    objective: Annotated[
        str, Parameter(help="Losses, such as 'hinge(label)' or 'list_cross_entropy(label)'.")
    ] = KIND.objective,
    share: Annotated[
        float,
        Parameter(
            help="Train on this random share of the queries, as PILE's teachers do.", validator=Number(gt=0, lte=1)
        ),
    ] = 1.0,
    options: Options,
) -> None:
    """Fine-tune a cross-encoder, a teacher or a baseline, on relevance labels.

    For example

        rankdistill finetune --collection pydocs --run bm25.trec --out runs/teacher1
        rankdistill finetune --collection pydocs --run bm25.trec \\
            --recipe infonce --out runs/contrastive
        rankdistill finetune --collection glue:sst2@glue --student bilstm \\
            --embeddings glove.6B.300d.txt --out runs/bilstm
    """
    parameters = written(finetune, locals())
    parsed = Objective.parse(objective)  # before anything is loaded, so that a mistake costs no time

    def train(task: Task, model: CrossEncoder, dev: Task | None) -> None:
        settings = options.settings
        finetune_on(
            task, model, settings, objective=parsed, share=share, sample_seed=settings.seed, dev=dev, out=options.out
        )

    if student and student_kind(student) is None:
        raise UsageError(f"{student!r} is no student made from scratch: a model to start from is given by --base")
    train_command(train, options, parameters, student or base, parsed, (LABEL,), source=base)
