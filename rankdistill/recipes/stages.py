"""FirstStage: what a student learns from labels alone before it learns from teachers, on the same candidates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from rankdistill.data import Candidates
from rankdistill.errors import UsageError
from rankdistill.inputs.texts import TextCollection
from rankdistill.losses.limits import Check, number, whole
from rankdistill.models import CrossEncoder
from rankdistill.progress import say
from rankdistill.tasks import LABEL, Task
from rankdistill.training import Objective, TrainingSettings, check_objective, fit

FIRST = "first"
"""Folder of the first stage in that of a distillation."""


@dataclass(frozen=True)
class FirstStage:
    """A training on labels that comes before the distillation; what is not set here is as in the distillation.

    Raises `UsageError` for an objective that reads more than labels. Source: Rank-DistiLLM (docs/papers.md).
    """

    first_objective: str = ""
    """Losses over label that the student is trained on first, such as 'infonce(label)'. Empty: there is no first
    stage."""
    first_epochs: int = 1
    """Passes of the first stage over the queries."""
    first_list_size: int = 8
    """Candidates in a list of the first stage, at least 2."""
    first_relevant_share: float = 0.125
    """Share of a list of the first stage that is drawn from the relevant candidates first."""
    first_learning_rate: float = 0.0
    """Highest learning rate of the first stage; 0: that of the distillation."""

    def __post_init__(self) -> None:
        for name, check in LIMITS.items():
            object.__setattr__(self, name, check(name, getattr(self, name)))
        objective = self.objective
        if objective is None:
            return
        object.__setattr__(self, "first_objective", str(objective))
        if objective.needs_teacher or set(objective.columns) != {LABEL}:
            raise UsageError(
                f"first_objective {objective} must read label and nothing else: teachers are for the second stage"
            )

    @property
    def objective(self) -> Objective | None:
        """The objective of the first stage; None where there is none."""
        return Objective.parse(self.first_objective) if self.first_objective else None

    def training(self, settings: TrainingSettings) -> TrainingSettings:
        """Settings of the first stage, where those of the distillation are ``settings``."""
        return replace(
            settings,
            epochs=self.first_epochs,
            list_size=self.first_list_size,
            relevant_share=self.first_relevant_share,
            learning_rate=self.first_learning_rate or settings.learning_rate,
            draw="random",
            draw_by="",
        )


LIMITS: dict[str, Check] = {
    "first_epochs": whole(1, 1_000_000),
    "first_list_size": whole(2, 1_000_000),
    "first_relevant_share": number(0, 1),
    "first_learning_rate": number(0, 1),
}
"""Every setting but the objective, which `Objective` checks -> the values that it may have."""


def train_first(
    student: CrossEncoder,
    lists: Candidates,
    collection: TextCollection,
    first: FirstStage,
    settings: TrainingSettings,
    *,
    dev: Task | None = None,
    out: str | Path | None = None,
) -> None:
    """Train ``student`` in place on labels, where there is a first stage.

    lists: candidates with the column "label". out: folder of the distillation; the first stage is kept in its
    ``first/``, as `fit` leaves it. A killed call resumes. Raises as `fit` does.
    """
    objective = first.objective
    if objective is None:
        return
    say(f"first stage: {objective}")
    place = Path(out) / FIRST if out else None
    fit(student, lists, collection, objective, first.training(settings), dev=dev, out=place)


def check_first(first: FirstStage, student: CrossEncoder) -> None:
    """Raise, before any work, where the student cannot learn the first stage; see `check_objective`."""
    if first.objective is not None:
        check_objective(first.objective, student, None, [LABEL])
