"""multitask: one student is distilled on several tasks together, and fine-tuned on each."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import yaml
from cyclopts import Parameter
from cyclopts.validators import Number

from rankdistill.cli.options import Json, Measuring
from rankdistill.cli.output import print_json, print_rich, say_wrote, table
from rankdistill.cli.outputs import OUTPUT_FOLDER, SCORE_STORE
from rankdistill.cli.rekindle_data import labelled_task
from rankdistill.cli.rekindle_data import unlabelled as load_unlabelled
from rankdistill.cli.task_names import TaskSplits, by_task, named_tasks
from rankdistill.cli.written import written
from rankdistill.data.sources import SYNTAX, describe_pairs
from rankdistill.errors import UsageError
from rankdistill.evaluation.conventions import Conventions
from rankdistill.files.atomic import atomic_path
from rankdistill.files.lock import locked
from rankdistill.files.outputs import check_output_file
from rankdistill.models import DEFAULT_BASE
from rankdistill.recipes.multitask import multitask as distilled
from rankdistill.recipes.multitask_result import CURVES, MKD, RESULT, SINGLE
from rankdistill.recipes.multitask_settings import MultitaskSettings
from rankdistill.recipes.student_settings import DEFAULT_STUDENT, StudentSettings, made_from_scratch
from rankdistill.scoring.settings import ScoringSettings
from rankdistill.tasks import KINDS
from rankdistill.training import TrainingSettings
from rankdistill.training.distributed import join_processes, processes

SETTINGS, SHAPE, SPLITS, TRAINING = MultitaskSettings(), StudentSettings(), TaskSplits(), TrainingSettings()
SCORING = ScoringSettings()
CONFIG = "config.yaml"


def multitask(
    *,
    tasks: Annotated[
        tuple[str, ...],
        Parameter(help=f"Tasks, scored pairs and rankings in any mixture, each as SOURCE or NAME=SOURCE: {SYNTAX}."),
    ],
    out: Annotated[
        Path, OUTPUT_FOLDER, Parameter(help=f"Folder for the models of every step, {RESULT}, {CURVES} and {CONFIG}.")
    ],
    teacher: Annotated[
        str, Parameter(help="Encoder that teachers start from: it is refined on all tasks together, and on each alone.")
    ] = DEFAULT_BASE,
    student: Annotated[
        str,
        Parameter(
            help="The student: bilstm, biattentive or transformer:LxH, made from scratch with the teacher's tokens; or "
            "a folder or a hub id, of which --layers chooses some."
        ),
    ] = DEFAULT_STUDENT,
    runs: Annotated[
        tuple[str, ...], Parameter(help="Runs of first-stage candidates of rankings, each as NAME=RUN.")
    ] = (),
    unlabelled: Annotated[
        tuple[str, ...],
        Parameter(
            help="More for the student to learn from, which the teacher labels, each as NAME=PARTS: parts such as "
            "`rankdistill augment` writes, or lists such as `rankdistill retrieve --lists` writes."
        ),
    ] = (),
    measures: Annotated[
        tuple[str, ...],
        Parameter(
            help="Measures of tasks, each as NAME=MEASURE: rte=accuracy mrpc=f1 docs=RR@10. The first one of a task is "
            "compared and chooses checkpoints. [default: those of the task]",
            show_default=False,
        ),
    ] = (),
    seeds: Annotated[
        int, Parameter(help="Trainings of the students, by seeds that count up.", validator=Number(gte=1))
    ] = 1,
    settings: Annotated[MultitaskSettings, Parameter(name="*")] = SETTINGS,
    student_settings: Annotated[StudentSettings, Parameter(name="*")] = SHAPE,
    splits: Annotated[TaskSplits, Parameter(name="*")] = SPLITS,
    conventions: Measuring = Conventions(),  # noqa: B008  # frozen
    training: Annotated[TrainingSettings, Parameter(name="*")] = TRAINING,
    scoring: Annotated[ScoringSettings, SCORE_STORE, Parameter(name="--scoring")] = SCORING,
    as_json: Annotated[Json, Parameter(name="--json")] = False,
) -> None:
    """Distil one student on several tasks together, and compare it with one of each task alone (MKD).

    For example

        rankdistill multitask --tasks glue:rte@glue glue:mrpc@glue glue:stsb@glue \\
            --teacher bert-base-uncased --student biattentive --out runs/mkd
        rankdistill multitask --tasks glue:sst2@glue reviews=task:my-reviews docs=my-data \\
            --runs docs=bm25.trec --unlabelled sst2=runs/sst2.augmented \\
            --measures docs=RR@10 --student bilstm --sampling sqrt --seeds 3 \\
            --scoring.dtype bfloat16 --scoring.store runs/scores --out runs/mkd
    """
    parameters = written(multitask, locals())
    sources = named_tasks(tasks)
    given = {name: Path(each[-1]) for name, each in by_task(runs, sources, "--runs").items()}
    more = by_task(unlabelled, sources, "--unlabelled")
    split_names = splits.by_task(sources)
    measured = {name: tuple(each) for name, each in by_task(measures, sources, "--measures").items()}
    for name, each in measured.items():
        scored = describe_pairs(sources[name])
        KINDS[scored.kind if scored else "ranking"].check_measures(each)
    for name in given:
        if describe_pairs(sources[name]) is not None:
            raise UsageError(f"--runs are for rankings, and {name} has its own pairs")
    made_from_scratch(student, student_settings)
    join_processes()
    for file in (CONFIG, RESULT, CURVES):
        check_output_file(out / file)
    with locked(out) if processes()[0] == 0 else nullcontext():
        loaded = {
            name: labelled_task(source, given.get(name), split_names[name], measured.get(name, ()), conventions)
            for name, source in sources.items()
        }
        result = distilled(
            loaded,
            teacher,
            student,
            out=out,
            settings=settings,
            student_settings=student_settings,
            training=training,
            unlabelled={name: [load_unlabelled(source, None) for source in each] for name, each in more.items()},
            scoring=scoring,
            seeds=seeds,
        )
        if processes()[0] == 0:
            with atomic_path(out / CONFIG) as path:
                path.write_text(yaml.safe_dump(parameters, sort_keys=False))
    if processes()[0]:  # what is left is for the first of torchrun's processes
        return
    if as_json:
        print_json(result)
    else:
        print_rich(_table(result, SINGLE in result["mean"]))
    say_wrote(out / RESULT)
    say_wrote(out / CURVES)
    say_wrote(out / CONFIG)


def _table(result: Mapping[str, Any], compared: bool) -> Any:
    """Each task's measures, and the mean over the tasks of their first ones; of teachers the first ones."""
    teachers = list(next(iter(result["tasks"].values()))["teachers"])
    headings = ["task", "measure", *(f"{kind} teacher" for kind in teachers), MKD]
    if compared:
        headings[-1:] = [SINGLE, MKD, "difference", "95 % interval", "p"]
    rows = []
    for name, facts in result["tasks"].items():
        for measure, values in facts["measures"].items():
            known = facts["teachers"] if measure == facts["measure"] else dict.fromkeys(facts["teachers"])
            told = ["" if value is None else f"{value:.4f}" for value in known.values()]
            rows.append([name, measure, *told, *_numbers(values, compared)])
    rows.append(["mean", "first measures", *("" for _ in teachers), *_numbers(result["mean"], compared)])
    return table(headings, rows, left=2)


def _numbers(values: Mapping[str, Any], compared: bool) -> list[str]:
    if not compared:
        return [f"{values[MKD]:.4f}"]
    bounds, p_value = values["interval"], values["p_value"]
    between = f"{bounds[0]:.4f} to {bounds[1]:.4f}" if bounds else "unknown"
    numbers = [f"{values[which]:.4f}" for which in (SINGLE, MKD, "difference")]
    return [*numbers, between, "" if p_value is None else f"{p_value:.3g}"]
