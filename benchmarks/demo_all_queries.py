"""Measure the demo's student on all test queries of pydocs, from which the demo itself takes a sample.

Run in the project's root, after `make demo`: python -m benchmarks.demo_all_queries
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

import rankdistill as rd
from benchmarks.results import markdown_table, run, typed, write_result
from rankdistill.ensembling.fuse import fuse, tune_weight
from rankdistill.recipes.demo import CONVENTIONS, FUSED, PILE, DemoSettings
from rankdistill.tasks import Task

MEASURES = ("nDCG@10", "RR@10", "PNR")


def main(*, demo: Annotated[Path, Parameter(help="The demo's folder.")] = Path("runs/demo")) -> None:
    """Re-rank BM25's candidates of every test query, alone and fused by a weight tuned on every dev query."""
    model = rd.CrossEncoder.from_pretrained(demo / PILE / "model")
    collection = rd.load_collection("pydocs")

    def scored(split: str) -> rd.Candidates:
        candidates = rd.bm25(collection, collection.split(split), k=DemoSettings().depth)
        scores = rd.score(model, candidates, collection, dtype="auto", description=split)
        return candidates.with_columns(model=scores)

    dev, test = scored("dev"), scored("test")
    task = Task(collection, test, conventions=CONVENTIONS)
    tuned = tune_weight(dev, "model", "bm25", task.with_candidates(dev).judgments)
    columns = {"bm25": test["bm25"], PILE: test["model"]}
    columns[FUSED] = fuse(test["model"], test["bm25"], test.offsets, tuned.weight)
    board = rd.leaderboard(
        {name: test.only_columns("bm25").with_columns(bm25=values) for name, values in columns.items()},
        task.judgments,
        MEASURES,
        baseline="bm25",
        conventions=replace(CONVENTIONS, unjudged=task.unjudged),
    )
    keys = ("system", *MEASURES, *(f"p({measure})" for measure in MEASURES))
    rows = [{key: row[key] for key in keys} for row in board.rows]
    print(f"{board.queries:,} queries; weight of BM25 {tuned.weight:g}")
    print(markdown_table(rows))
    write_result("demo_all_queries", f"make demo && {typed()}", rows, [0])


if __name__ == "__main__":
    run(main)
