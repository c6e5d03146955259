"""ScoredPairs: what the labels of a collection of scored texts or pairs are, and how they are measured."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from rankdistill.errors import UnknownNameError, UsageError

PairKind = Literal["classification", "similarity"]
HIDDEN = -1
"""The label of a pair whose label is hidden, as in GLUE's test sets."""
NO_SECOND_TEXT = "-"
"""Id of the empty document that stands beside every text of a task of single texts."""


@dataclass(frozen=True)
class ScoredPairs:
    """What a task of texts or pairs of texts asks for: one of some classes, or a number of a range.

    Such a task is a `Collection` whose candidate lists have the length one: the first text of pair ``p`` is query
    ``p``, the second is document ``p``, and the judgment is the label: the class's position in ``classes``, or the
    number itself. Raises `UnknownNameError` for another kind, `UsageError` for classes or a range that cannot be.
    """

    kind: PairKind
    classes: tuple[str, ...] = ()
    """Names of the classes, at least two; label 0 is the first. Of a classification only."""
    lowest: float = 0.0
    highest: float = 1.0
    """Range of the labels of a similarity."""
    measures: tuple[str, ...] = ()
    """Names of `PAIR_METRICS`; the first one chooses checkpoints (empty: the kind's)."""
    n_texts: Literal[1, 2] = 2
    """Texts a pair: 1 for tasks of single sentences."""
    numbered: bool = False
    """Whether files hold the numbers of classes, not their names."""
    measured_split: str = "dev"
    """Split with labels that results are told on."""
    training: Mapping[str, float] = field(default_factory=dict)
    """Settings of a training that suit: epochs, learning_rate, lists_per_batch, as `TrainingSettings` names them."""

    def __post_init__(self) -> None:
        if self.kind not in get_args(PairKind):
            raise UnknownNameError("kind of scored pairs", self.kind, get_args(PairKind))
        if self.n_texts not in (1, 2):
            raise UsageError(f"a scored pair has 1 or 2 texts, got {self.n_texts}")
        if self.kind == "classification" and (len(self.classes) < 2 or len(set(self.classes)) < len(self.classes)):
            raise UsageError(f"a classification needs two different classes or more, got {list(self.classes)}")
        if self.kind == "similarity" and not (-math.inf < self.lowest < self.highest < math.inf):
            raise UsageError(f"the range of a similarity must rise and be finite, got {self.lowest} to {self.highest}")

    @property
    def expected(self) -> str:
        """The valid labels in words, for messages."""
        if self.kind == "similarity":
            return f"a number from {self.lowest:g} to {self.highest:g}"
        numbers = "" if self._numbers_are_names else f", or its number from 0 to {len(self.classes) - 1}"
        return f"one of the classes {', '.join(self.classes)}{numbers}"

    @property
    def _numbers_are_names(self) -> bool:
        """Whether a class is itself called by a number, so that a number cannot stand for a class's position."""
        return any(number_in(name) is not None for name in self.classes)

    def label(self, text: str) -> float | None:
        """Read a label: the class's position, or the number; None for what is no valid label."""
        text = text.strip()
        if self.kind == "classification":
            if text in self.classes:
                return float(self.classes.index(text))
            if self._numbers_are_names or not text.isdecimal() or len(text) > 4:
                return None
            return float(text) if int(text) < len(self.classes) else None
        number = number_in(text)
        return number if number is not None and self.lowest <= number <= self.highest else None

    def hides(self, text: str) -> bool:
        """Tell whether a label says that it is hidden: `HIDDEN`, where that is no valid label."""
        return number_in(text) == HIDDEN and self.label(text) is None

    def written(self, label: float) -> str:
        """Write a label as `label` reads it: the class's name, or its number where ``numbered``; or the number."""
        if self.kind == "similarity":
            return f"{label:.6g}"
        return str(int(label)) if self.numbered else self.classes[int(label)]


def number_in(text: str) -> float | None:
    """Read a finite number; None for all else."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
