"""interleave: which system's documents users click in the merged lists of two, simulated or from a log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from rankdistill.cli.options import Json, Measuring, Seed, Texts
from rankdistill.cli.output import print_json, say_wrote
from rankdistill.cli.outputs import OUTPUT_FILE
from rankdistill.data.sources import load_collection
from rankdistill.data.trec.read import read_qrels
from rankdistill.errors import UsageError
from rankdistill.evaluation.conventions import Conventions
from rankdistill.evaluation.online.clicks import ClickModel, read_click_log, write_click_log
from rankdistill.evaluation.online.interleaving import interleaving_gain, simulate_interleaving


def interleave(
    *,
    runs: Annotated[
        tuple[Path, Path] | None, Parameter(help="Two runs, A and B, whose lists are interleaved by team draft.")
    ] = None,
    collection: Texts = None,
    qrels: Annotated[Path | None, Parameter(help="Judgments that simulated users click by.")] = None,
    clicks: Annotated[
        ClickModel,
        Parameter(
            help="Simulated users: each examines rank r with probability 1/r, or reads from the top and stops "
            "at the first click."
        ),
    ] = "cascade",
    sessions: Annotated[int, Parameter(help="Simulated users per query.")] = 100,
    k: Annotated[int, Parameter(help="Documents shown to a user.")] = 10,
    log: Annotated[
        Path | None,
        Parameter(help="Click log, in place of runs: each line a JSON object with query, teams and clicks."),
    ] = None,
    write_log: Annotated[Path | None, OUTPUT_FILE, Parameter(help="File to write the simulated clicks to.")] = None,
    conventions: Measuring = Conventions(),  # noqa: B008  # frozen
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Compare two systems by the clicks on their interleaved lists: Δ_AB with its confidence interval.

    Above 0, users prefer A's documents. With users simulated from judgments

        rankdistill interleave --runs student.trec bm25.trec --qrels qrels.txt --clicks cascade

    and from a log, with a line such as {"query": "q1", "teams": "ABBA", "clicks": [1, 3]} for each list that was shown

        rankdistill interleave --log clicks.jsonl
    """
    if log is not None and runs is None and qrels is None and collection is None:
        impressions = read_click_log(log)
    elif log is None and runs is not None and qrels is not None:
        source = load_collection(collection) if collection is not None else None
        a, b = (conventions.lists(conventions.read(run, source)) for run in runs)
        impressions = list(simulate_interleaving(a, b, read_qrels(qrels), clicks, sessions, k, seed))
    else:
        raise UsageError("expected either --runs A B with --qrels, or --log alone")
    if write_log is not None:
        write_click_log(impressions, write_log)
        say_wrote(write_log, f"{len(impressions):,} impressions")
    gain = interleaving_gain(impressions)
    if as_json:
        print_json(vars(gain))
    else:
        print(f"Δ_AB {gain}")
