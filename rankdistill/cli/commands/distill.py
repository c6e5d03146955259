"""distill: teachers, models and runs mixed, are ensembled and distilled into a student."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from rankdistill.cli.options import RUN_FORMS, Ensembling
from rankdistill.cli.output import say
from rankdistill.cli.rekindle_data import unlabelled as load_unlabelled
from rankdistill.cli.training import KIND, Options, train_command
from rankdistill.cli.written import written
from rankdistill.data.sources import describe_pairs
from rankdistill.ensembling import EnsembleReport
from rankdistill.ensembling.settings import EnsembleSettings
from rankdistill.models import DEFAULT_BASE, CrossEncoder
from rankdistill.recipes import RECIPES, FirstStage, Lesson, distill_on, get_recipe
from rankdistill.recipes.teachers import check_teachers, models_among
from rankdistill.tasks import Task


def distill(
    *,
    teachers: Annotated[
        tuple[str, ...],
        Parameter(help=f"Cross-encoders (folder or hub id) and files of scores, in any mixture: {RUN_FORMS}."),
    ],
    student: Annotated[
        str,
        Parameter(
            help="What the student starts from: a folder or a hub id; or a student made from scratch: bilstm, "
            "biattentive or transformer:LxH (L layers of width H), which has the tokens of the first teacher that is a "
            "model unless told."
        ),
    ] = DEFAULT_BASE,
    recipe: Annotated[
        str | None,
        Parameter(
            help="A paper's recipe: it sets the number of logits, and objective, method and settings unless they are "
            "given: "
            f"{', '.join(name for name, each in RECIPES.items() if each.needs != 'labels')}. [default: none]"
        ),
    ] = None,
    objective: Annotated[
        str,
        Parameter(
            help="A weighted sum of losses over target (the ensemble's score), t1, t2, ... (a teacher's score), label "
            "(the judgments) and teacher (the one model among the teachers, run during training)."
        ),
    ] = KIND.distillation,
    unlabelled: Annotated[
        tuple[str, ...],
        Parameter(
            help="More to learn from, which the teachers score as they do the rest: of scored pairs, parts such as "
            "`rankdistill augment` writes; of rankings, lists such as `rankdistill retrieve --lists` writes."
        ),
    ] = (),
    ensembling: Ensembling = EnsembleSettings(),  # noqa: B008  # frozen
    first: Annotated[FirstStage, Parameter(name="*")] = FirstStage(),  # noqa: B008  # frozen
    options: Options,
) -> None:
    """Distil an ensemble of teachers, supervised by the labels, into a small student.

    For example

        rankdistill distill --collection pydocs --run bm25.trec \\
            --teachers runs/t1/model llm.trec --method pile \\
            --layers 0 4 5 --out runs/student
        rankdistill distill --collection pydocs --run bm25.trec \\
            --teachers runs/t1/model --recipe pd-bert \\
            --layers 0 4 5 --out runs/pd-bert
        rankdistill distill --collection pydocs --run bm25.trec \\
            --teachers llm.trec --recipe rank-distillm \\
            --layers 0 4 5 --out runs/rank-distillm
        rankdistill distill --collection pydocs --run bm25.trec \\
            --teachers runs/t1/model --student bilstm --out runs/bilstm
        rankdistill distill --collection glue:sst2@glue --teachers runs/sst2/model \\
            --unlabelled runs/sst2.augmented --layers 0 2 5 --out runs/sst2-small
        rankdistill distill --collection pairs:runs/wikipedia.pairs --teachers runs/sst2/model \\
            --recipe minilmv2 --student transformer:6x384 --out runs/sst2-start
        rankdistill distill --collection pairs:runs/sst2.augmented --teachers runs/sst2/model \\
            --student bilstm --out runs/sst2-unlabelled
    """
    parameters = written(distill, locals())
    lesson = Lesson.of(teachers, objective, ensembling)  # before anything is loaded, so that a mistake costs no time
    head = 1
    if recipe:
        paper = get_recipe(recipe)
        head = paper.n_logits
        settings = {name: getattr(options.settings, name) for name in paper.settings}
        before = f"{first.first_objective}, then " if first.first_objective else ""
        say(f"recipe {recipe} ({paper.source}): {before}{lesson.objective}; {settings}")
    for name, teacher in lesson.teachers.items():
        say(f"{name}: {teacher}")
    check_teachers(
        lesson.teachers,
        options.scoring,
        gives_scores=not lesson.objective.reads_relations_alone,
        as_classifier=describe_pairs(options.collection) is not None,
    )
    answering = {} if lesson.objective.reads_relations_alone else lesson.teachers
    more = [load_unlabelled(source, None) for source in unlabelled]

    def train(task: Task, model: CrossEncoder, dev: Task | None) -> None:
        _, report = distill_on(
            task, lesson, model, options.settings, scoring=options.scoring, first=first, dev=dev, out=options.out
        )
        say_report(report)

    source = next((str(model) for model in models_among(lesson.teachers)), None)
    train_command(
        train,
        options,
        parameters,
        student,
        lesson.objective,
        lesson.columns,
        head,
        source,
        teachers=answering,
        unlabelled=more,
    )


def say_report(report: EnsembleReport | None) -> None:
    """Say what the ensemble dropped and what PILE reversed."""
    if report and report.dropped:
        say(f"{report.dropped:,} candidates that some teacher did not score are dropped")
    if report and report.pile:
        pairs = report.pile
        say(
            f"PILE: {pairs.reversed_before:,} reversed pairs before, {pairs.reversed_after:,} after, "
            f"of {pairs.comparable:,}"
        )
