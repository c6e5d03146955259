"""textbook: the sentences of a general corpus that a task's texts find, in parts."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from rankdistill.cli.cluster import ALONE, Cluster
from rankdistill.cli.options import Json, Processes
from rankdistill.cli.output import print_json, print_rich, say_wrote, table
from rankdistill.cli.outputs import NEW_PARTS
from rankdistill.corpus.documents import FORMS as TEXTS
from rankdistill.corpus.settings import CorpusSettings
from rankdistill.data.sources import SYNTAX, load_collection
from rankdistill.textbook.build import REPORT, build_textbook
from rankdistill.textbook.found import Find, find_units
from rankdistill.textbook.settings import TextbookSettings
from rankdistill.textbook.size import FORMS as SIZES

DEFAULTS, TEXT_DEFAULTS = TextbookSettings(), CorpusSettings()


def textbook(
    *,
    task: Annotated[
        str, Parameter(help=f"Task whose texts are anchors, of a ranking the queries and their passages: {SYNTAX}.")
    ],
    corpus: Annotated[
        tuple[str, ...],
        Parameter(
            help="General corpus: folders of parts that `corpus` wrote; or files of text, folders of them, and "
            f"collections, of tasks their training texts, which are split into sentences. Files are {TEXTS}."
        ),
    ],
    out: Annotated[Path, NEW_PARTS, Parameter(help=f"New folder for 00000.parquet, 00001.parquet, ... and {REPORT}.")],
    size: Annotated[
        str | None, Parameter(help=f"Size of the textbook: {SIZES}. k is the least that reaches it.")
    ] = None,
    k: Annotated[int | None, Parameter(help="Sentences that each anchor finds, in place of the size.")] = None,
    split: Annotated[
        str | None,
        Parameter(
            help="Split of the task whose texts are anchors, or all. [default: train; all of pairs:FOLDER and "
            "lists:FOLDER]"
        ),
    ] = None,
    settings: Annotated[TextbookSettings, Parameter(name="*")] = DEFAULTS,
    text: Annotated[CorpusSettings, Parameter(name="--text")] = TEXT_DEFAULTS,
    processes: Processes = None,
    cluster: Cluster = ALONE,
    as_json: Annotated[Json, Parameter(name="--json")] = False,
) -> None:
    """Gather the sentences of a general corpus that a task's texts find, to distil from without labels.

    The keywords of every text (RAKE) are searched for by BM25; what all of them find is merged, without duplicates. For
    example

        rankdistill corpus --text wikipedia/ --out runs/wikipedia.pairs
        rankdistill textbook --task glue:rte@glue --corpus runs/wikipedia.pairs --size 20MB --out runs/rte.textbook
    """
    find: Find = find_units
    if cluster.cluster:
        from rankdistill.cluster.anchor_parts import find_on_cluster

        find = partial(find_on_cluster, settings=cluster)
    counts = build_textbook(
        load_collection(task),
        corpus,
        out,
        size=size,
        k=k,
        split=split,
        settings=settings,
        text=text,
        processes=processes,
        find=find,
    )
    if as_json:
        print_json(counts)
    else:
        print_rich(table(["what", "number"], [[what, f"{number:,}"] for what, number in counts.items()]))
    say_wrote(out, f"{counts['kept']:,} sentences or pairs, {counts['bytes']:,} bytes, k = {counts['k']:,}")
