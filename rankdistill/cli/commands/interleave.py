"""interleave: whose documents users click where two systems' lists are merged, simulated or from a log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from rankdistill.cli.options import Config, Json, Seed
from rankdistill.cli.output import print_json, say_wrote
from rankdistill.data.trec.read import read_qrels, read_run
from rankdistill.errors import UsageError
from rankdistill.evaluation.online.clicks import ClickModel, read_click_log, write_click_log
from rankdistill.evaluation.online.interleaving import interleaving_gain, simulate_interleaving


def interleave(
    *,
    runs: Annotated[
        tuple[Path, Path] | None, Parameter(help="Two runs, A and B, whose lists are interleaved by team draft.")
    ] = None,
    qrels: Annotated[Path | None, Parameter(help="Judgments that simulated users click by.")] = None,
    clicks: Annotated[
        ClickModel,
        Parameter(help="How simulated users look: at rank r with chance 1/r, or from the top to the first click."),
    ] = "cascade",
    sessions: Annotated[int, Parameter(help="Simulated users a query.")] = 100,
    k: Annotated[int, Parameter(help="Documents that a user is shown.")] = 10,
    log: Annotated[
        Path | None, Parameter(help="Click log instead of runs: a JSON object a line, query, teams and clicks.")
    ] = None,
    write_log: Annotated[Path | None, Parameter(help="Click log to write of the simulated users.")] = None,
    seed: Seed = 0,
    json: Json = False,
    config: Config = None,
) -> None:
    """Compare two systems by the clicks on their interleaved lists: Δ_AB with its confidence interval.

    Above 0, users prefer A's documents. With labels instead of users

        rankdistill interleave --runs student.trec bm25.trec --qrels qrels.txt --clicks cascade

    and from a log, with a line such as {"query": "q1", "teams": "ABBA", "clicks": [1, 3]} for each list that was shown

        rankdistill interleave --log clicks.jsonl
    """
    if (log is None) == (runs is None) or (runs is None) != (qrels is None):
        raise UsageError("expected either --runs A B with --qrels, or --log alone")
    if log is not None:
        impressions = read_click_log(log)
    else:
        assert runs is not None
        assert qrels is not None
        a, b = map(read_run, runs)
        impressions = list(simulate_interleaving(a, b, read_qrels(qrels), clicks, sessions, k, seed))
    if write_log is not None:
        write_click_log(impressions, write_log)
        say_wrote(write_log, f"{len(impressions):,} impressions")
    found = interleaving_gain(impressions)
    if json:
        print_json(vars(found))
    else:
        print(f"Δ_AB {found}")
