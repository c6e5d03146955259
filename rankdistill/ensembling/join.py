"""Join the runs of several teachers: one column per teacher over the pairs that any of them has."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from rankdistill.data.candidates import Candidates
from rankdistill.errors import UsageError


def join_runs(runs: Mapping[str, Candidates], by: str = "score") -> Candidates:
    """Join runs, {name: run with its scores in the column ``by``}, into candidates with one column per name.

    The candidates are the pairs that any of the runs has, those of the first run first; NaN where a run lacks the pair.
    Queries keep the order of their first appearance. Raises `UsageError` for no run.
    """
    if not runs:
        raise UsageError("no runs given, expected at least one")
    every = list(runs.values())
    pairs = Candidates(every[0].query_ids, every[0].offsets, every[0].doc_ids)
    for run in every[1:]:
        new = run.take_rows(pairs.find(run) < 0)
        pairs = Candidates.from_rows(
            pa.concat_arrays([pairs.row_query_ids, new.row_query_ids]), pa.concat_arrays([pairs.doc_ids, new.doc_ids])
        )
    return pairs.with_columns({name: pairs.join(run, by)[by] for name, run in runs.items()})
