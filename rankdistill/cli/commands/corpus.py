"""corpus: text as pairs of adjacent sentences, in parts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from rankdistill.cli.options import Json, Processes
from rankdistill.cli.output import print_json, print_rich, say_wrote, table
from rankdistill.cli.outputs import NEW_PARTS
from rankdistill.corpus.build import build_corpus
from rankdistill.corpus.documents import FORMS
from rankdistill.corpus.settings import CorpusSettings

DEFAULTS = CorpusSettings()


def corpus(
    *,
    text: Annotated[
        tuple[str, ...],
        Parameter(help=f"Files, folders of files, or collections such as pydocs. Files are {FORMS}."),
    ],
    out: Annotated[
        Path, NEW_PARTS, Parameter(help="New folder for 00000.parquet, 00001.parquet, ... and corpus.json.")
    ],
    settings: Annotated[CorpusSettings, Parameter(name="*")] = DEFAULTS,
    processes: Processes = None,
    as_json: Annotated[Json, Parameter(name="--json")] = False,
) -> None:
    """Turn text into pairs of adjacent sentences, without duplicates, for guided pre-training.

    For example

        rankdistill corpus --text wikipedia/ --out runs/wikipedia.pairs
    """
    counts = build_corpus(text, out, settings, processes=processes)
    if as_json:
        print_json(counts)
    else:
        print_rich(table(["what", "number"], [[what, f"{number:,}"] for what, number in counts.items()]))
    say_wrote(out, f"{counts['kept']:,} pairs")
