"""ERR, expected reciprocal rank: of the document at which a reader, likelier to stop the higher the label, stops."""

from __future__ import annotations

from collections.abc import Sequence

import ir_measures
import numpy as np
from numba import njit
from numpy.typing import NDArray

from rankdistill.data.candidates import Floats, Ints
from rankdistill.errors import DataError
from rankdistill.evaluation.judged import JudgedRun
from rankdistill.evaluation.measures.dcg import cutoff_of

HIGHEST_GRADE = 4  # gdeval's; the chance to stop at a label y is (2^y - 1) / 2^4, so values compare across collections


def err_values(measure: ir_measures.Measure, judged: JudgedRun) -> Sequence[float]:
    """Compute each judged query's ERR@k (the whole list without k), in the order of the qrels.

    Equals gdeval's before its rounding to five decimals, but needs no Perl and takes any query id. Unjudged documents
    and negative labels never stop the reader. Raises `DataError` for a label above 4, as gdeval does.
    Source: Chapelle et al. 2009, eq. 4 and 5.
    """
    highest = judged.qrels["label"].max()
    if highest > HIGHEST_GRADE:
        raise DataError(f"ERR takes labels up to {HIGHEST_GRADE}, the qrels hold {highest:g}: map the grades first")
    cutoff = cutoff_of(measure)
    behind = judged.ranks.max(initial=0) if cutoff is None else cutoff
    return err(judged.labels, judged.ranks, judged.offsets, behind).tolist()


@njit(cache=True)
def err(labels: Floats, ranks: Ints, offsets: Ints, cutoff: int) -> NDArray[np.float64]:
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
