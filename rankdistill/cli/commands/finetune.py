"""finetune: a cross-encoder learns from relevance labels."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from rankdistill.cli.training import KIND, Options, train_command
from rankdistill.cli.written import written
from rankdistill.models import DEFAULT_BASE, CrossEncoder
from rankdistill.recipes import RECIPES
from rankdistill.recipes.finetune import finetune_on
from rankdistill.tasks import LABEL, Task
from rankdistill.training import Objective


def finetune(
    *,
    base: Annotated[
        str, Parameter(help="Encoder or cross-encoder to start from: a folder or a hub id.")
    ] = DEFAULT_BASE,
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
    """
    parameters = written(finetune, locals())
    parsed = Objective.parse(objective)  # before anything is loaded, so that a mistake costs no time

    def train(task: Task, model: CrossEncoder, dev: Task | None) -> None:
        settings = options.settings
        finetune_on(
            task, model, settings, objective=parsed, share=share, sample_seed=settings.seed, dev=dev, out=options.out
        )

    train_command(train, options, parameters, base, parsed, (LABEL,))
