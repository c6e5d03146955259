"""PairAnswers: what models answered to the labelled pairs of a task, and which differences are significant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from rankdistill.arrays import F64
from rankdistill.data.scored_pairs import ScoredPairs
from rankdistill.evaluation.pair_significance import PAIR_TESTS, pairwise
from rankdistill.progress import progress


@dataclass(frozen=True, eq=False)
class PairAnswers:
    """The labels that models gave, and the right ones; row n is a pair."""

    pairs: Sequence[str]
    """Ids of the pairs, which are those of their first texts."""
    seconds: Sequence[str]
    """Ids of their second texts."""
    truth: F64
    """float64 (N,)."""
    given: Mapping[str, F64]
    """System -> float64 (N,)."""
    scored: ScoredPairs | None
    """What the labels are."""

    def nearness(self, name: str) -> F64:
        """How right a system is on each pair, float64 (N,): 1 or 0 of a class, minus the distance of a similarity."""
        distance = np.abs(self.given[name] - self.truth)
        return -distance if self.scored is not None and self.scored.kind == "similarity" else 1.0 * (distance == 0)

    def p_values(self, names: Sequence[str], measure: str, test: str) -> F64:
        """Test each pair of systems: p-values float64 (S, S), symmetric, uncorrected, NaN where there is no test."""
        given = [self.given[name] for name in names]
        with progress(f"{PAIR_TESTS[test].title} of {measure}", len(given), unit="systems") as advance:
            return pairwise(given, self.truth, measure, test, advance)

    def written(self, label: float) -> str:
        """Write a label for people: a class by its name, or the number."""
        if self.scored is None or self.scored.kind == "similarity":
            return f"{label:.4g}"
        return self.scored.classes[int(label)] if label < len(self.scored.classes) else f"{label:g}"
