"""rekindle: an expert teaches its own base on unlabelled pairs or lists, which then becomes a better expert."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter
from cyclopts.validators import Number

from rankdistill.cli.expert_names import Classifiers
from rankdistill.cli.experts import experts_over
from rankdistill.cli.options import Json, Measuring, RunOrOwn
from rankdistill.cli.output import print_json, print_rich, say_wrote, table
from rankdistill.cli.outputs import OUTPUT_FOLDER, SCORE_STORE
from rankdistill.cli.rekindle_data import labelled_task, parts_that_are_read, unlabelled
from rankdistill.cli.training import Measures
from rankdistill.data.sources import SYNTAX, describe_pairs
from rankdistill.errors import UsageError
from rankdistill.evaluation.conventions import Conventions
from rankdistill.files.lock import locked
from rankdistill.models import DEFAULT_BASE
from rankdistill.recipes.guided_settings import GuidedSettings
from rankdistill.recipes.rekindle import RESULT
from rankdistill.recipes.rekindle import rekindle as rekindled
from rankdistill.recipes.start import StartSettings
from rankdistill.scoring.settings import ScoringSettings
from rankdistill.tasks import KINDS, Splits
from rankdistill.training import TrainingSettings
from rankdistill.training.distributed import join_processes, processes

START, SPLITS, GUIDED, TRAINING = StartSettings(), Splits(), GuidedSettings(), TrainingSettings()
SCORING = ScoringSettings()


def rekindle(
    *,
    task: Annotated[
        str, Parameter(help=f"Task that the expert is of, scored pairs or a ranking, with judgments: {SYNTAX}.")
    ],
    data: Annotated[
        str,
        Parameter(
            help="Unlabelled pairs, parts that `rankdistill corpus` wrote; or lists, a folder that `rankdistill "
            "retrieve --lists` wrote; or any collection with candidates."
        ),
    ],
    out: Annotated[Path, OUTPUT_FOLDER, Parameter(help=f"Folder for the models of every step, and {RESULT}.")],
    run: RunOrOwn = None,
    data_run: Annotated[
        Path | None, Parameter(help="Of a collection as --data: run of its unlabelled lists, in a file or in parts.")
    ] = None,
    base: Annotated[str, Parameter(help="Encoder that the expert and the guided model start from.")] = DEFAULT_BASE,
    experts: Annotated[
        tuple[str, ...],
        Parameter(
            help="Models that guide, of any tasks and kinds, each as MODEL or NAME=MODEL. [default: those whose scores "
            "the data hold (`rankdistill score --experts`), else the task's own expert, trained first]"
        ),
    ] = (),
    classifiers: Classifiers = (),
    seeds: Annotated[
        int, Parameter(help="Fine-tunings of each kind, by seeds that count up.", validator=Number(gte=1))
    ] = 1,
    start: Annotated[StartSettings, Parameter(name="*")] = START,
    splits: Annotated[Splits, Parameter(name="*")] = SPLITS,
    measures: Measures = (),
    conventions: Measuring = Conventions(),  # noqa: B008  # frozen
    guided: Annotated[GuidedSettings, Parameter(name="*")] = GUIDED,
    training: Annotated[TrainingSettings, Parameter(name="*")] = TRAINING,
    scoring: Annotated[ScoringSettings, SCORE_STORE, Parameter(name="--scoring")] = SCORING,
    as_json: Annotated[Json, Parameter(name="--json")] = False,
) -> None:
    """Guide a base by experts on unlabelled pairs or lists, and fine-tune it (UEGP, MoEGP).

    For example

        rankdistill corpus --text wikipedia/ --out runs/wikipedia.pairs
        rankdistill rekindle --task glue:rte@glue --data runs/wikipedia.pairs --out runs/rte
        rankdistill retrieve --collection my-data --queries log.tsv --k 32 --lists --out runs/log.lists
        rankdistill rekindle --task my-data --run bm25.trec --data runs/log.lists --out runs/better
    """
    scored = describe_pairs(task)
    if scored is not None and run is not None:
        raise UsageError(f"--run is for rankings, and {task} has its own pairs")
    kind = KINDS[scored.kind if scored else "ranking"]
    kind.check_measures(measures or kind.measures)
    join_processes()
    with locked(out) if processes()[0] == 0 else nullcontext():
        parts, classes = parts_that_are_read(data, data_run), scored.classes if scored else ()
        guides = experts_over(parts, experts, scoring, classifiers, classes)
        pairs = unlabelled(data, data_run)
        result = rekindled(
            labelled_task(task, run, splits, measures, conventions),
            pairs,
            base,
            guides,
            out=out,
            start=start,
            training=training,
            guided=guided,
            scoring=scoring.without_asking(),  # the experts are loaded
            seeds=seeds,
        )
    if processes()[0]:  # what is left is for the first of torchrun's processes
        return
    if as_json:
        print_json(result)
    else:
        headings = ["measure", "expert", "rekindled", "difference", "95 % interval", "p"]
        print_rich(table(headings, [_row(name, values) for name, values in result["measures"].items()]))
    say_wrote(out / RESULT)


def _row(name: str, values: Mapping[str, Any]) -> list[str]:
    """A measure's line of the table."""
    numbers = [f"{values[which]:.4f}" for which in ("expert", "rekindled", "difference")]
    bounds, p_value = values["interval"], values["p_value"]
    between = f"{bounds[0]:.4f} to {bounds[1]:.4f}" if bounds else "unknown"
    return [name, *numbers, between, "" if p_value is None else f"{p_value:.3g}"]
