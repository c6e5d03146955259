"""gsb: on how many queries one system's list is better than the other's, judged by people or by a measure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from rankdistill.cli.options import Json, Measuring, Texts
from rankdistill.cli.output import print_json
from rankdistill.data.sources import load_collection
from rankdistill.data.trec.read import read_qrels
from rankdistill.errors import UsageError
from rankdistill.evaluation.conventions import Conventions
from rankdistill.evaluation.evaluate import evaluate_per_query
from rankdistill.evaluation.online.gsb import gsb_gain, preferences_by_measure, read_preferences


def gsb(
    *,
    preferences: Annotated[
        Path | None, Parameter(help="People's judgments of A against B: each line a query id and good, same or bad.")
    ] = None,
    runs: Annotated[tuple[Path, Path] | None, Parameter(help="Two runs, A and B, compared by a measure.")] = None,
    collection: Texts = None,
    qrels: Annotated[Path | None, Parameter(help="Judgments for the measure.")] = None,
    measure: Annotated[str, Parameter(help="Measure that decides which list of a query is better.")] = "nDCG@10",
    conventions: Measuring = Conventions(),  # noqa: B008  # frozen
    margin: Annotated[float, Parameter(help="Values that differ by no more than this are the same.")] = 0.0,
    as_json: Json = False,
) -> None:
    """Compare two systems query by query, good, same or bad: ΔGSB with its confidence interval.

    ΔGSB = (#good - #bad) / (#good + #same + #bad), above 0 where A is better. For example

        rankdistill gsb --preferences preferences.txt
        rankdistill gsb --runs student.trec bm25.trec --qrels qrels.txt --measure nDCG@10 --margin 0.05
    """
    if preferences is not None and runs is None and qrels is None and collection is None:
        preferred = read_preferences(preferences)
    elif preferences is None and runs is not None and qrels is not None:
        judgments = read_qrels(qrels)
        rules = conventions.under(judgments)
        source = load_collection(collection) if collection is not None else None
        lists = (rules.read(run, source) for run in runs)
        a, b = (evaluate_per_query(judgments, run, measure, conventions=rules)[measure] for run in lists)
        preferred = preferences_by_measure(a, b, margin)
    else:
        raise UsageError("expected either --preferences, or --runs A B with --qrels")
    gain = gsb_gain(preferred)
    if as_json:
        print_json(vars(gain))
    else:
        print(f"ΔGSB {gain}".replace("wins", "good").replace("losses", "bad").replace("ties", "same"))
