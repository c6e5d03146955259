"""Measure the labels that a model gives scored pairs: classes, or similarities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rankdistill.arrays import F32
from rankdistill.data.candidates import Candidates
from rankdistill.data.scored_pairs import ScoredPairs
from rankdistill.errors import DataError, UnknownNameError, UsageError
from rankdistill.evaluation.conventions import Conventions
from rankdistill.evaluation.pair_metrics import PAIR_METRICS, evaluate_pairs

SIMILARITY_METRICS = ("pearson", "spearman")
"""Of `PAIR_METRICS`, those of numbers."""


@dataclass(frozen=True)
class PairEvaluation:
    """A model's values on the pairs that have a label."""

    values: dict[str, float]
    """Measure -> value."""
    pairs: int
    """Pairs with a label."""
    unlabelled: int
    """Pairs without one, which count nowhere."""

    @property
    def notes(self) -> list[str]:
        """What a reader of the values should know, in sentences."""
        if not self.unlabelled:
            return []
        return [f"{self.unlabelled:,} of {self.unlabelled + self.pairs:,} pairs have no label and are left out"]


def evaluate_labels(
    judgments: Candidates, candidates: Candidates, scores: F32, measures: Sequence[str], conventions: Conventions
) -> PairEvaluation:
    """Compare a model's labels, float32 (N,), row for row of the candidates, with theirs; `DataError` without any.

    conventions: of rankings; pairs without a label count nowhere.
    """
    labels = candidates.join(judgments, "label")["label"]
    known = ~np.isnan(labels)
    if not known.any():
        raise DataError(f"none of the {len(labels):,} pairs has a label: the labels of test sets are hidden")
    values = evaluate_pairs(scores[known], labels[known], measures, hidden=None)
    return PairEvaluation(values, int(known.sum()), int((~known).sum()))


def check_given_classes(given: F32, pairs: Candidates, scored: ScoredPairs) -> None:
    """Raise `DataError` where what a run gives one of the pairs, float32 (N,) in their order, is no class's number."""
    last = len(scored.classes) - 1
    strange = np.flatnonzero(~np.isin(given, np.arange(last + 1)))
    if len(strange):
        row = int(strange[0])
        raise DataError(
            f"the run holds {given[row]:g} for {pairs.pair_at(row)}, expected the number of a class, 0 to {last} (0 is "
            f"{scored.classes[0]}, {last} is {scored.classes[last]}): write the number of the likeliest class as each "
            "pair's score, not its probability or logit; rankdistill score writes it"
        )


def check_pair_measures(measures: Sequence[str]) -> None:
    """Raise `UnknownNameError` for a measure that scored pairs do not have."""
    for name in measures:
        if name not in PAIR_METRICS:
            raise UnknownNameError("measure of scored pairs", name, PAIR_METRICS)


def check_number_of_classes(measures: Sequence[str], n_classes: int) -> None:
    """Raise `UsageError` for F1, which is of one class against one other, where there are more than two."""
    if "f1" in measures and n_classes > 2:
        raise UsageError(f"f1 is of two classes, and the task has {n_classes}: take accuracy or matthews")


def check_similarity_measures(measures: Sequence[str]) -> None:
    """Raise as `check_pair_measures` does, and `UsageError` for a measure of classes."""
    check_pair_measures(measures)
    for name in measures:
        if name not in SIMILARITY_METRICS:
            raise UsageError(
                f"{name} measures classes, and the labels of a similarity are numbers: take "
                + " or ".join(SIMILARITY_METRICS)
            )
