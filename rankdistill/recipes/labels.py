"""Join a collection's relevance labels to candidates, saying aloud what happens to those nobody judged."""

from __future__ import annotations

import numpy as np

from rankdistill.data import Candidates, Collection
from rankdistill.errors import DataError
from rankdistill.evaluation.conventions import Conventions, UnjudgedChoice
from rankdistill.progress import say

LABEL = "label"


def with_labels(candidates: Candidates, collection: Collection, unjudged: UnjudgedChoice = "auto") -> Candidates:
    """Add the column ``label``, float32, from the collection's qrels.

    unjudged: candidates without a judgment count as grade 0 ("irrelevant", for collections with a few positives per
    query) or stay NaN and count nowhere ("missing", for collections judged in depth); "auto" decides as
    `Conventions.unjudged_under` does. Their number is printed.
    Raises `DataError` where the collection has no qrels, or none of a candidate.
    """
    conventions = Conventions(unjudged)
    if collection.qrels is None:
        raise DataError(f"{collection.name} has no qrels; labels are needed here")
    unjudged = conventions.unjudged_under(collection)
    labels = candidates.join(collection.qrels, LABEL)[LABEL]
    missing = np.isnan(labels)
    if len(labels) and missing.all():
        raise DataError(
            f"none of the {len(labels):,} candidates has a judgment in the qrels of {collection.name}: "
            "do the query and document ids of the run belong to this collection?"
        )
    if unjudged == "irrelevant":
        labels = np.where(missing, np.float32(0), labels)
    fate = "count as irrelevant" if unjudged == "irrelevant" else "are left out"
    say(f"{missing.sum():,} of {len(labels):,} candidates are unjudged and {fate}")
    return candidates.with_columns({LABEL: labels})
