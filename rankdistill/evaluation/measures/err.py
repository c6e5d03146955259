"""ERR, expected reciprocal rank: of the document at which a reader stops, more likely the higher its label is."""

from __future__ import annotations

from collections.abc import Sequence

import ir_measures
import numpy as np

from rankdistill.arrays import F32, F64, I64
from rankdistill.errors import DataError
from rankdistill.evaluation.judged_run import JudgedRun
from rankdistill.evaluation.measures.parameters import cutoff_of

HIGHEST_GRADE = 4  # as in gdeval: a reader stops at label y with probability (2^y - 1) / 2^4 in every collection


def err_values(measure: ir_measures.Measure, judged: JudgedRun) -> Sequence[float]:
    """Compute each judged query's ERR@k, or ERR over the whole list, in the order of the qrels.

    The values are gdeval's, without its rounding to five decimals, its Perl and its limits on query ids. Unjudged
    documents and negative labels never stop the reader. Raises `DataError` for a label above 4, as gdeval does.
    Source: Chapelle et al. 2009, eq. 4 and 5 (docs/papers.md).
    """
    highest = judged.qrels["label"].max()
    if highest > HIGHEST_GRADE:
        raise DataError(f"ERR takes labels up to {HIGHEST_GRADE}, the qrels hold {highest:g}: map the grades first")
    cutoff = cutoff_of(measure)
    last = judged.ranks.max(initial=0) if cutoff is None else cutoff
    return err(judged.labels, judged.ranks, judged.offsets, last).tolist()


def err(labels: F32, ranks: I64, offsets: I64, cutoff: int) -> F64:
    """Compute each query's ERR, float64 (Q,), from labels (J,) and ranks (J,), best first, and offsets (Q+1,).

    The n-th candidates of all queries that can stop the reader are added at once.
    """
    rows = np.flatnonzero((labels > 0) & (ranks <= cutoff))
    query = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))[rows]
    nth = np.arange(len(rows)) - np.searchsorted(query, query)
    stop = (2.0 ** labels[rows].astype(np.float64) - 1) / 2.0**HIGHEST_GRADE
    values, reached = np.zeros(len(offsets) - 1), np.ones(len(offsets) - 1)
    by_place = np.argsort(nth, kind="stable")
    for now in np.split(by_place, np.cumsum(np.bincount(nth))[:-1]) if len(rows) else ():
        values[query[now]] += reached[query[now]] * stop[now] / ranks[rows[now]]
        reached[query[now]] *= 1 - stop[now]
    return values
