"""leaderboard: the runs in a folder side by side, with significance, in the terminal and as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from rankdistill.cli.options import Config, Json, Measures, Precision, Qrels, Ties, UnjudgedOption
from rankdistill.cli.output import print_json, print_rich, say_wrote
from rankdistill.data import load_collection
from rankdistill.data.atomic import atomic_path
from rankdistill.evaluation.leaderboard import DEFAULT_MEASURES, leaderboard_from_folder
from rankdistill.evaluation.page import write_html
from rankdistill.evaluation.render import as_markdown, as_table


def leaderboard(
    folder: Annotated[Path, Parameter(help="Folder of runs: NAME.trec, NAME.trec.gz, NAME/run.trec.gz.")],
    *,
    qrels: Qrels,
    html: Annotated[
        Path | None, Parameter(help="Page to write, OUT.html or OUT/index.html: one file that needs no network.")
    ] = None,
    markdown: Annotated[Path | None, Parameter(help="Markdown table to write.")] = None,
    collection: Annotated[
        str | None, Parameter(help="Collection whose texts the page shows: pydocs, irds:DATASET_ID or a folder.")
    ] = None,
    measures: Measures = DEFAULT_MEASURES,
    baseline: Annotated[str | None, Parameter(help="Name of the system that the others are tested against.")] = None,
    test: Annotated[str, Parameter(help="Significance test: t or fisher; corrected after Holm.")] = "t",
    unjudged: UnjudgedOption = "missing",
    ties: Ties = "trec",
    precision: Precision = "float32",
    title: Annotated[str, Parameter(help="Title of the page.")] = "Leaderboard",
    json: Json = False,
    config: Config = None,
) -> None:
    """Compare the runs in a folder: table, significance, HTML page.

    Systems stand by the first measure, best first, each under the name of its file or folder. For example

        rankdistill leaderboard runs --qrels qrels.txt --baseline bm25 --html leaderboard.html
    """
    board = leaderboard_from_folder(folder, qrels, measures, baseline, test, None, unjudged, ties, precision)
    if json:
        print_json(board.rows)
    else:
        print_rich(as_table(board))
    if html is not None:
        texts = load_collection(collection) if collection else None
        say_wrote(write_html(board, html, title, texts))
    if markdown is not None:
        with atomic_path(markdown) as temporary:
            temporary.write_text(as_markdown(board), encoding="utf-8")
        say_wrote(markdown)
