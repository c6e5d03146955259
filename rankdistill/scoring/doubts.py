"""Doubts about a model's scores that the scores themselves raise: ranked backwards, or tied at the end of float32."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from rankdistill.arrays import F32

if TYPE_CHECKING:  # torch and Arrow are imported by what loads a model, and makes candidates
    from rankdistill.data.candidates import Candidates
    from rankdistill.data.trec.plain import PlainLists
    from rankdistill.models.contract import ScoreContract

FEWEST_QUERIES, TIMES = 10, 2
"""Of scores that are called backwards: queries, and how many times more pairs and queries are against the judgments."""
LABEL = "label"
_UNSATURATED = {"sigmoid": "logit", "probability": "margin"}


def warn_of_doubts(scores: F32, contract: ScoreContract, candidates: Candidates | PlainLists, collection: Any) -> None:
    """Warn where scores (N,) contradict the collection's judgments, if it has any, or where many are rounded to one."""
    _warn_if_saturated(scores, contract)
    if getattr(collection, "qrels", None) is not None:
        _warn_if_backwards(scores, contract, candidates, collection)


def _warn_if_saturated(scores: F32, contract: ScoreContract) -> None:
    if contract.form not in _UNSATURATED:
        return
    highest = contract.scale + contract.lowest
    n_equal = int((scores == np.float32(highest)).sum())
    if n_equal > 1:
        warnings.warn(
            f"{n_equal:,} of {len(scores):,} scores are {highest:g}, where float32 ends: these candidates tie "
            f"though their logits may differ. To rank by the logits, write {_UNSATURATED[contract.form]!r} instead of "
            f"{contract.form!r} as the form of the score in the model's config.json",
            stacklevel=4,
        )


def _warn_if_backwards(
    scores: F32, contract: ScoreContract, candidates: Candidates | PlainLists, collection: Any
) -> None:
    from rankdistill.evaluation.judged_run import unjudged_by
    from rankdistill.evaluation.measures.pnr import pnr_counts

    labels = candidates.join(collection.qrels, LABEL)[LABEL]
    if (collection.unjudged or unjudged_by(collection.qrels[LABEL])) == "irrelevant":
        labels = np.where(np.isnan(labels), np.float32(0), labels)
    right, wrong = pnr_counts(scores, labels, candidates.offsets)
    n_right, n_wrong = int((right > wrong).sum()), int((wrong > right).sum())
    n_pairs = int(right.sum() + wrong.sum())
    if n_wrong < FEWEST_QUERIES or n_wrong <= TIMES * n_right or wrong.sum() <= TIMES * right.sum():
        return
    asked = (
        "is the other one of its two logits the relevant one (--relevant-label)?"
        if contract.is_margin
        else "does it score what is less relevant higher?"
    )
    warnings.warn(
        f"the model ranks judged candidates backwards: in {int(wrong.sum()):,} of {n_pairs:,} pairs the less relevant "
        f"one has the higher score; {asked}",
        stacklevel=4,
    )
