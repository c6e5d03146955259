"""The skeleton of the commands that train: shared options, the steps before and after, what is left in the folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import yaml
from cyclopts import Parameter

from rankdistill.cli.options import Json, Measuring, RunOrOwn, Source
from rankdistill.cli.output import print_json, print_rich, say, say_wrote, table
from rankdistill.cli.outputs import OUTPUT_FOLDER, SCORE_STORE
from rankdistill.data import Collection, load_collection
from rankdistill.data.collection import own_candidates
from rankdistill.data.sources import describe_pairs
from rankdistill.errors import UsageError
from rankdistill.evaluation.conventions import Conventions
from rankdistill.evaluation.pair_metrics import PAIR_METRICS
from rankdistill.evaluation.report.render import TITLES, count, number
from rankdistill.files.atomic import atomic_path
from rankdistill.files.lock import locked
from rankdistill.files.outputs import check_output_file, check_output_folder
from rankdistill.models import DEFAULT_BASE, CrossEncoder, with_two_logits
from rankdistill.models.card import add_measured
from rankdistill.recipes.answers import answered
from rankdistill.recipes.class_teachers import logit_names
from rankdistill.recipes.guided import reading
from rankdistill.recipes.measure import measure_model
from rankdistill.recipes.stages import FIRST
from rankdistill.recipes.start import StartSettings, start_model
from rankdistill.recipes.student_settings import StudentSettings, made_from_scratch
from rankdistill.recipes.students import make_student, texts_read
from rankdistill.recipes.teachers import Teacher
from rankdistill.recipes.unlabelled import with_unlabelled
from rankdistill.scoring.settings import ScoringSettings
from rankdistill.tasks import KINDS, Splits, Task
from rankdistill.training import Objective, TrainingSettings
from rankdistill.training.distributed import join_processes, processes
from rankdistill.training.draw import drawn_by
from rankdistill.training.fit import check_measured, fitted_columns
from rankdistill.training.loop import check_outputs

KIND = KINDS["ranking"]
"""Of all collections that commands read."""
Measures = Annotated[
    tuple[str, ...],
    Parameter(
        help="Measures by ir_measures' names, and PNR, DCG: nDCG@10 RR@10 AP(rel=2) PNR DCG@10 ...; of scored pairs: "
        f"{' '.join(PAIR_METRICS)}. The first one chooses checkpoints. [default: {' '.join(KIND.measures)}; or the "
        "task's]",
        show_default=False,
    ),
]
HEADLESS = "neither the last layer nor the head is trained; a training on a task begins with --student or --base model/"
NO_LABELS = "the collection has no judgments"
Train = Callable[[Task, CrossEncoder, Task | None], Any]
"""(task to train on, model that training starts from, task to choose checkpoints on) -> trains the model in place."""


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """What every command that trains is given."""

    collection: Source
    run: RunOrOwn = None
    out: Annotated[Path, OUTPUT_FOLDER]
    """Folder for model/, run.trec.gz, metrics.json, config.yaml, and for scores/ of teachers that are models."""
    start: Annotated[StartSettings, Parameter(name="*")] = field(default_factory=StartSettings)
    student_settings: Annotated[StudentSettings, Parameter(name="*")] = field(default_factory=StudentSettings)
    splits: Annotated[Splits, Parameter(name="*")] = field(default_factory=Splits)
    measures: Measures = ()
    conventions: Measuring = field(default_factory=Conventions)
    settings: Annotated[TrainingSettings, Parameter(name="*")] = field(default_factory=TrainingSettings)
    scoring: Annotated[ScoringSettings, SCORE_STORE, Parameter(name="--scoring")] = field(
        default_factory=ScoringSettings
    )
    as_json: Annotated[Json, Parameter(name="--json")] = False

    def load(self, teachers: Mapping[str, Teacher]) -> Task:
        """Read collection and run. teachers: whose answers make pairs without labels a task, see `answered`."""
        scored = describe_pairs(self.collection)
        kind = KINDS[scored.kind if scored else "ranking"]
        kind.check_measures(self.measures or kind.measures)
        collection = answered(load_collection(self.collection), teachers)
        candidates = (
            own_candidates(collection) if self.run is None else self.conventions.candidates(self.run, collection)
        )
        return Task(
            collection,
            candidates,
            measures=self.measures,
            conventions=self.conventions,
            splits=self.splits,
        )


Options = Annotated[TrainOptions, Parameter(name="*")]


def train_command(
    train: Train,
    options: TrainOptions,
    parameters: Mapping[str, Any],
    base: str,
    objective: Objective,
    columns: Iterable[str],
    n_logits: int = 1,
    source: str | None = None,
    teachers: Mapping[str, Teacher] | None = None,
    unlabelled: Sequence[Collection] = (),
) -> None:
    """Load the task, make the model to start from, train it, measure it, and say what was written.

    train: the recipe. parameters: the command's own, see `written`. base: what the model starts from, or the name of a
    student made from scratch. objective: of the training. columns: those that it may read beside the run's. n_logits:
    of the model's head. source: of such a student's tokens and embeddings (None: the default base). teachers: whose
    answers make pairs without labels a task (None: no one's). unlabelled: more pairs or lists to train on, whose words
    such a student knows, too.
    """
    from_scratch = check_student(base, options)
    check_measured(objective, options.settings, new_head=from_scratch)
    with _own_folder(options.out):
        task = options.load(teachers or {})
        judged = not is_unlabelled(task.collection, objective)
        training, settings = task.training if judged else task, options.settings
        if settings.eval_steps and task.collection.qrels is None:
            raise UsageError(
                f"{NO_LABELS}, by which eval_steps={settings.eval_steps} would choose weights: leave --eval-steps out"
            )
        learned = training
        if unlabelled:
            learned = with_unlabelled(training, unlabelled)
            n_own = len(training.candidates)
            say(f"{len(learned.candidates) - n_own:,} unlabelled candidates beside {n_own:,} of the task")
        if not judged:
            training = learned  # text is text
        dev = task.required(task.dev_split) if settings.eval_steps else None
        if dev is not None and dev.kind != "ranking":
            dev.labelled()  # raises where there are none
        nothing_why = HEADLESS if objective.reads_relations_alone else not_measured(task)
        if dev is not None or (not nothing_why and task.kind != "ranking" and task.held_out.n_queries):
            task.check_installed()
        known = (*task.candidates.columns, *columns)
        objective.check_columns(logit_names(task, known))
        drawn_by(settings, fitted_columns(objective), known)
        if from_scratch:
            model = make_student(
                base,
                learned.collection,
                learned.candidates,
                options.student_settings,
                base=source or DEFAULT_BASE,
                max_length=options.start.max_length,
                seed=settings.seed,
            )
        else:
            model = start_model(
                training.collection,
                base,
                options.start,
                candidates=training.candidates,
                training=settings,
                seed=settings.seed,
                out=options.out / "start",
            )
            model = reading(model, texts_read(training.collection))
        if n_logits == 2:
            model = with_two_logits(model)
        train(learned, model, dev)
        if processes()[0]:  # what is left is for the first of torchrun's processes
            return
        with atomic_path(options.out / "config.yaml") as path:
            path.write_text(yaml.safe_dump(dict(parameters), sort_keys=False))
        if nothing_why:
            say(f"nothing is measured: {nothing_why}")
            written = "model/ and config.yaml"
            if options.as_json:
                print_json({})
        else:
            measure(task.held_out, options, None if from_scratch else base)
            written = "model/, config.yaml and, of held-out queries, run.trec.gz and metrics.json"
        shutil.rmtree(options.out / "start", ignore_errors=True)  # only now: a kill before must not imitate again
        say_wrote(options.out, written)


def is_unlabelled(collection: Collection, objective: Objective) -> bool:
    """Whether all of a collection is trained on, as it has neither judgments nor splits and no loss reads labels."""
    return collection.qrels is None and not collection.splits and not objective.label_columns


def not_measured(task: Task) -> str:
    """Say why nothing can be measured on a task's held-out part, which has no labels; empty where it can."""
    if task.collection.qrels is None:
        return NO_LABELS
    if task.kind != "ranking" and task.held_out.n_queries and not task.held_out.is_judged:
        return "no held-out pair has a label; --test-split names another split"
    return ""


def check_student(base: str, options: TrainOptions) -> bool:
    """Say whether a training starts from a student made from scratch; `UsageError` for options that are not for it."""
    start = options.start
    if not made_from_scratch(base, options.student_settings):
        return False
    if start.layers or start.start == "cosine":
        what = f"layers {list(start.layers)}" if start.layers else "a start from the cosine"
        raise UsageError(f"{base} is made from scratch and has no layers of a base: got {what}; leave it out")
    return True


def measure(held_out: Task, options: TrainOptions, base: str | None = None) -> None:
    """Measure the model as it was written on the held-out queries, where there are any, and show its metrics.

    The values are added to the model's card. base: what the training started from, for it.
    """
    if not held_out.n_queries:
        say("no held-out queries in the run: nothing measured")
        if options.as_json:
            print_json({})
        return
    model = CrossEncoder.from_pretrained(options.out / "model")
    metrics = measure_model(model, held_out, options.out, scoring=options.scoring)
    measured = {name: metrics[name] for name in held_out.measures}
    add_measured(options.out / "model", measured, held_out.name, held_out.n_queries, base)
    if options.as_json:
        print_json(metrics)
        return
    shown = [
        number(value) if name in held_out.measures else f"{value:,}" if name == "queries" else count(value)
        for name, value in metrics.items()
    ]
    print_rich(table([TITLES.get(name, name) for name in metrics], [shown], left=0))


@contextmanager
def _own_folder(out: Path) -> Iterator[None]:
    """Keep the folder for this command inside the block, all of torchrun's processes being one.

    Raises `UsageError` or `DataError`, before any work, where another command has it, or the results could not be
    written into it when the work is done.
    """
    join_processes()
    check_outputs(out)
    for name in ("start", "scores", FIRST):
        check_output_folder(out / name)
    for name in ("config.yaml", "run.trec.gz", "metrics.json"):
        check_output_file(out / name)
    with locked(out) if processes()[0] == 0 else nullcontext():
        yield
