"""augment: unlabelled variations of a task's texts, in parts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from rankdistill.augment.build import QUERIES, REPORT
from rankdistill.augment.build import augment as augmented
from rankdistill.augment.settings import AugmentSettings
from rankdistill.cli.options import Json, Processes
from rankdistill.cli.output import print_json, print_rich, say, say_wrote, table
from rankdistill.cli.outputs import NEW_PARTS
from rankdistill.data.sources import SYNTAX, load_collection

DEFAULTS = AugmentSettings()


def augment(
    *,
    task: Annotated[
        str,
        Parameter(help=f"Task whose texts or pairs are varied, or a ranking, of which the queries are: {SYNTAX}."),
    ],
    out: Annotated[
        Path,
        NEW_PARTS,
        Parameter(help=f"New folder for 00000.parquet, 00001.parquet, ... and {REPORT}; of a ranking also {QUERIES}."),
    ],
    split: Annotated[
        str | None, Parameter(help="Split of the task that is varied. [default: train; all of pairs:FOLDER]")
    ] = None,
    base: Annotated[
        str | None,
        Parameter(
            help="For p_context: encoder with the head of a masked language model, as BERT's and RoBERTa's checkpoints."
        ),
    ] = None,
    settings: Annotated[AugmentSettings, Parameter(name="*")] = DEFAULTS,
    processes: Processes = None,
    as_json: Annotated[Json, Parameter(name="--json")] = False,
) -> None:
    """Vary a task's texts word by word, by masks and words of the same tag, for a teacher to label.

    For example

        rankdistill augment --task glue:sst2@glue --out runs/sst2.augmented
        rankdistill distill --collection glue:sst2@glue --teachers runs/sst2/model \\
            --unlabelled runs/sst2.augmented --layers 0 2 5 --out runs/sst2-small
        rankdistill augment --task glue:sst2@glue --base bert-base-uncased --p-mask 0 --p-pos 0 \\
            --p-context .4 --n-iter 20 --out runs/sst2.tinybert
    """
    counts = augmented(load_collection(task), out, settings, split=split, base=base, processes=processes)
    if as_json:
        print_json(counts)
    else:
        print_rich(table(["what", "number"], [[what, f"{number:,}"] for what, number in counts.items()]))
    say_wrote(out, f"{counts['kept']:,} variations")
    if (out / QUERIES).is_file():
        say(f"the queries are in {out / QUERIES}, for `rankdistill retrieve --queries`")
