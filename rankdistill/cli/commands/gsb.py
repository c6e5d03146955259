"""gsb: on how many queries one system's list is the better one, said by people or by a measure."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from rankdistill.cli.options import Config, Json
from rankdistill.cli.output import print_json
from rankdistill.data.trec.read import read_qrels, read_run
from rankdistill.errors import UsageError
from rankdistill.evaluation.evaluate import evaluate_per_query
from rankdistill.evaluation.online.gsb import gsb_gain, preferences_by_measure, read_preferences


def gsb(
    *,
    preferences: Annotated[
        Path | None, Parameter(help="What people say of A beside B: lines of a query id and good, same or bad.")
    ] = None,
    runs: Annotated[tuple[Path, Path] | None, Parameter(help="Two runs, A and B, told apart by a measure.")] = None,
    qrels: Annotated[Path | None, Parameter(help="Judgments for the measure.")] = None,
    measure: Annotated[str, Parameter(help="Measure that says which list of a query is better.")] = "nDCG@10",
    margin: Annotated[float, Parameter(help="Values no further apart than this are the same.")] = 0.0,
    json: Json = False,
    config: Config = None,
) -> None:
    """Compare two systems query by query, good, same or bad: ΔGSB with its confidence interval.

    ΔGSB = (#good - #bad) / (#good + #same + #bad), above 0 where A is better. For example

        rankdistill gsb --preferences said.txt
        rankdistill gsb --runs student.trec bm25.trec --qrels qrels.txt --measure nDCG@10 --margin 0.05
    """
    if (preferences is None) == (runs is None) or (runs is None) != (qrels is None):
        raise UsageError("expected either --preferences, or --runs A B with --qrels")
    if preferences is not None:
        said = read_preferences(preferences)
    else:
        assert runs is not None
        assert qrels is not None
        judged = read_qrels(qrels)
        a, b = (evaluate_per_query(judged, read_run(run), measure)[measure] for run in runs)
        said = preferences_by_measure(a, b, margin)
    found = gsb_gain(said)
    if json:
        print_json(vars(found))
    else:
        print(f"ΔGSB {found}".replace("wins", "good").replace("losses", "bad").replace("ties", "same"))
