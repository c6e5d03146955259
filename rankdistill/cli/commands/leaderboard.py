"""leaderboard: the runs in a folder side by side, with significance, in the terminal and as files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from rankdistill.cli.judgments import load_judgments
from rankdistill.cli.options import Json, Judged, JudgedSplit, Measures, Measuring, Qrels
from rankdistill.cli.output import print_json, print_rich, say_wrote
from rankdistill.cli.outputs import OUTPUT_FILE, OUTPUT_PAGE
from rankdistill.cli.pair_runs import pair_task
from rankdistill.data.collection import Collection
from rankdistill.data.trec.run_files import PATTERNS
from rankdistill.evaluation.conventions import Conventions
from rankdistill.evaluation.names import DEFAULT_MEASURES, parse_measures
from rankdistill.evaluation.report.leaderboard import find_runs
from rankdistill.evaluation.report.leaderboard import leaderboard as compare_runs
from rankdistill.evaluation.report.page import write_html
from rankdistill.evaluation.report.render import as_table
from rankdistill.evaluation.report.tables import check_format
from rankdistill.evaluation.report.tables import export as write_table
from rankdistill.tasks.leaderboard import pair_leaderboard


def leaderboard(
    folder: Annotated[Path, Parameter(help=f"Folder of runs: {PATTERNS}.")],
    *,
    qrels: Qrels = None,
    collection: Judged = None,
    split: JudgedSplit = None,
    html: Annotated[
        Path | None,
        OUTPUT_PAGE,
        Parameter(help="Page to write, OUT.html or OUT/index.html: one file that needs no network."),
    ] = None,
    export: Annotated[
        tuple[Path, ...], OUTPUT_FILE, Parameter(help="Files to write the table to, by suffix: .md .tex .csv .json.")
    ] = (),
    measures: Measures = DEFAULT_MEASURES,
    baseline: Annotated[str | None, Parameter(help="Name of the system that the others are tested against.")] = None,
    test: Annotated[
        str,
        Parameter(help="Significance test: t or fisher; of scored pairs bootstrap or mcnemar; corrected after Holm."),
    ] = "t",
    conventions: Measuring = Conventions(),  # noqa: B008  # frozen
    title: Annotated[str, Parameter(help="Title of the page.")] = "Leaderboard",
    as_json: Json = False,
) -> None:
    """Compare the runs in a folder: table, significance, HTML page.

    Systems are sorted by the first measure, best first, each under the name of its file or folder. For example

        rankdistill leaderboard runs --qrels qrels.txt --baseline bm25 --html leaderboard.html
        rankdistill leaderboard runs --collection my-data --split test --html page/
        rankdistill leaderboard runs --collection glue:rte@glue --baseline small
    """
    for path in export:
        check_format(path)
    source: Collection | None = None
    if task := pair_task(collection, split) if qrels is None else None:
        board, source = pair_leaderboard(find_runs(folder), task, measures, baseline, test), task.collection
    else:
        parse_measures(measures)
        judgments, conventions, source = load_judgments(qrels, collection, split, conventions)
        board = compare_runs(
            find_runs(folder), judgments, measures, baseline, test, conventions=conventions, collection=source
        )
    if as_json:
        print_json(board.rows)
    else:
        print_rich(as_table(board))
    if html is not None:
        say_wrote(write_html(board, html, title, source))
    for path in export:
        write_table(board, path)
        say_wrote(path)
