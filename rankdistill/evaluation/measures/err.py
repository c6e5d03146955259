"""ERR, expected reciprocal rank: of the document at which a reader stops, more likely the higher its label is."""

from __future__ import annotations

from collections.abc import Sequence

import ir_measures
import numpy as np
from numba import njit

from rankdistill.arrays import F32, F64, I64
from rankdistill.errors import DataError
from rankdistill.evaluation.judged import JudgedRun
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


@njit(cache=True)
def err(labels: F32, ranks: I64, offsets: I64, cutoff: int) -> F64:
    """Compute each query's ERR, float64 (Q,), from labels (J,) and ranks (J,), best first, and offsets (Q+1,)."""
    values = np.zeros(len(offsets) - 1)
    for q in range(len(values)):
        reached = 1.0
        for row in range(offsets[q], offsets[q + 1]):
            if labels[row] > 0 and ranks[row] <= cutoff:
                stop = (2.0 ** labels[row] - 1) / 2.0**HIGHEST_GRADE
                values[q] += reached * stop / ranks[row]
                reached *= 1 - stop
    return values
