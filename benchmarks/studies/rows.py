"""Lines of a study's table: what systems reach over seeds, and the significance of their differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.results import Row
from rankdistill.evaluation import compare, holm

MEASURES = ("nDCG@10", "DCG@10", "PNR", "PNR(avg=macro)")
CLAIMED = ("nDCG@10", "PNR")
"""Measures that differences are tested in, and whose deviation over seeds is reported."""
PerQuery = dict[str, dict[str, float]]
"""Measure -> query -> value, and ``MEASURE mean`` -> the value over all queries."""


def row(
    facts: Mapping[str, Any], seeds: Sequence[PerQuery], against: Mapping[str, Sequence[PerQuery]] | None = None
) -> Row:
    """A line of a study's table: mean and standard deviation over seeds, and p against other systems, by their names.

    The test pairs queries, each by its mean over the seeds: seeds of a query are no further queries.
    """
    line = dict(facts)
    for measure in MEASURES:
        values = [seed[f"{measure} mean"][""] for seed in seeds]
        line[measure] = round(float(np.mean(values)), 4)
        if len(values) > 1 and measure in CLAIMED:
            line[f"sd({measure})"] = round(float(np.std(values, ddof=1)), 4)
    for name, others in (against or {}).items():
        for measure in CLAIMED:
            test = compare(_over_seeds(seeds, measure), _over_seeds(others, measure))
            line[f"p({measure}) {name}"] = test.p_value
    return line


def corrected(rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    """The rows of a table with each column of p-values corrected for their number by Holm's method."""
    lines = [dict(row) for row in rows]
    for column in dict.fromkeys(name for line in lines for name in line if name.startswith("p(")):
        tested = [line for line in lines if column in line]
        for line, p in zip(tested, holm([line[column] for line in tested]), strict=True):
            line[column] = float(f"{p:.3g}")
    return lines


def _over_seeds(seeds: Sequence[PerQuery], measure: str) -> dict[str, float]:
    return {query: float(np.mean([seed[measure][query] for seed in seeds])) for query in seeds[0][measure]}
