"""Measure the demo's student on all test queries of pydocs, of which the demo itself takes a sample.

Run in the project's root, after `make demo`: python -m benchmarks.demo_all_queries
"""

from __future__ import annotations

import argparse
from pathlib import Path

import rankdistill as rd
from benchmarks.results import markdown_table, write_result
from rankdistill.ensembling.fuse import fuse, tune_weight
from rankdistill.evaluation.conventions import Conventions
from rankdistill.recipes.demo import FUSED, PILE, DemoSettings

MEASURES = ("nDCG@10", "RR@10", "PNR")


def main() -> None:
    """Re-rank BM25's candidates of every test query, alone and fused by a weight tuned on every dev query."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demo", type=Path, default=Path("runs/demo"), help="the demo's folder")
    model = rd.CrossEncoder.from_pretrained(parser.parse_args().demo / PILE / "model")
    collection = rd.load_collection("pydocs")

    def scored(split: str) -> rd.Candidates:
        found = rd.bm25(collection, collection.split(split), k=DemoSettings().depth)
        return found.with_columns(model=rd.score(model, found, collection, dtype="auto", description=split))

    dev, test = scored("dev"), scored("test")
    tuned = tune_weight(dev, "model", "bm25", collection.judgments_of(dev))
    columns = {"bm25": test["bm25"], PILE: test["model"]}
    columns[FUSED] = fuse(test["model"], test["bm25"], test.offsets, tuned.weight)
    board = rd.leaderboard(
        {name: test.only_columns("bm25").with_columns(bm25=values) for name, values in columns.items()},
        collection.judgments_of(test),
        MEASURES,
        baseline="bm25",
        conventions=Conventions(unjudged="irrelevant"),
    )
    keys = ("system", *MEASURES, *(f"p({measure})" for measure in MEASURES))
    rows = [{key: row[key] for key in keys} for row in board.rows]
    print(f"{board.queries:,} queries; weight of BM25 {tuned.weight:g}")
    print(markdown_table(rows))
    path = write_result("demo_all_queries", "make demo && python -m benchmarks.demo_all_queries", rows, [0])
    print(f"wrote {path.relative_to(path.parents[2])} and its table")


if __name__ == "__main__":
    main()
