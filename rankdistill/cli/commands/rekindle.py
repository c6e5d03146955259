"""rekindle: an expert teaches its own base on unlabelled pairs, which then becomes a better expert."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from rankdistill.cli.experts import experts_over
from rankdistill.cli.options import Json
from rankdistill.cli.output import print_json, print_rich, say_wrote, table
from rankdistill.cli.outputs import OUTPUT_FOLDER
from rankdistill.data import load_collection
from rankdistill.data.sources import describe_pairs
from rankdistill.errors import UsageError
from rankdistill.files.lock import locked
from rankdistill.models import DEFAULT_BASE
from rankdistill.recipes.guided import GuidedSettings
from rankdistill.recipes.rekindle import RESULT
from rankdistill.recipes.rekindle import rekindle as rekindled
from rankdistill.recipes.start import StartSettings
from rankdistill.tasks import Splits, Task
from rankdistill.training import TrainingSettings
from rankdistill.training.distributed import join_processes, processes

START, SPLITS, GUIDED, TRAINING = StartSettings(), Splits(), GuidedSettings(), TrainingSettings()


def rekindle(
    *,
    task: Annotated[str, Parameter(help="Task of scored pairs: glue:NAME@FOLDER, or task:FOLDER.")],
    data: Annotated[Path, Parameter(help="Unlabelled pairs: parts that `rankdistill corpus` wrote.")],
    out: Annotated[Path, OUTPUT_FOLDER, Parameter(help=f"Folder for the models of every step, and {RESULT}.")],
    base: Annotated[str, Parameter(help="Encoder that the expert and the guided model start from.")] = DEFAULT_BASE,
    experts: Annotated[
        tuple[str, ...],
        Parameter(
            help="Models that guide, of any tasks, each as MODEL or NAME=MODEL. [default: those whose scores the pairs "
            "hold (`rankdistill score --experts`), else the task's own expert, trained first]"
        ),
    ] = (),
    seeds: Annotated[
        int, Parameter(help="Fine-tunings of each kind, by seeds that count up.", validator=Number(gte=1))
    ] = 1,
    start: Annotated[StartSettings, Parameter(name="*")] = START,
    splits: Annotated[Splits, Parameter(name="*")] = SPLITS,
    guided: Annotated[GuidedSettings, Parameter(name="*")] = GUIDED,
    training: Annotated[TrainingSettings, Parameter(name="*")] = TRAINING,
    as_json: Annotated[Json, Parameter(name="--json")] = False,
) -> None:
    """Guide a base by experts on unlabelled pairs, and fine-tune it to a better expert (UEGP, MoEGP).

    For example

        rankdistill corpus --text wikipedia/ --out runs/wikipedia.pairs
        rankdistill rekindle --task glue:rte@glue --data runs/wikipedia.pairs --out runs/rte
    """
    if describe_pairs(task) is None:
        raise UsageError(f"{task} is no task of scored pairs: expected glue:NAME@FOLDER, or task:FOLDER")
    join_processes()
    with locked(out) if processes()[0] == 0 else nullcontext():
        guides = experts_over(data, experts)
        collection, pairs = load_collection(task), load_collection(f"pairs:{data}")
        assert collection.candidates is not None
        result = rekindled(
            Task(collection, collection.candidates, splits=splits),
            pairs,
            base,
            guides,
            out=out,
            start=start,
            training=training,
            guided=guided,
            seeds=seeds,
        )
    if processes()[0]:  # what is left is for the first of torchrun's processes
        return
    if as_json:
        print_json(result)
    else:
        low, high = result["interval"]
        row = [f"{result[name]:.4f}" for name in ("expert", "rekindled", "difference")]
        headings = ["measure", "expert", "rekindled", "difference", "95 % interval"]
        print_rich(table(headings, [[result["measure"], *row, f"{low:.4f} to {high:.4f}"]]))
    say_wrote(out / RESULT)
