"""Term: one loss of an objective, with the columns, head, settings and weight that it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rankdistill.errors import UsageError
from rankdistill.losses.limits import number
from rankdistill.losses.registry import get_loss
from rankdistill.losses.settings import checked
from rankdistill.models.outputs import OWN

TEACHER = "teacher"
"""The target that a teacher gives online, batch by batch, rather than a column of the candidates."""
WEIGHTS = number(1e-9, 1e9)


@dataclass(frozen=True)
class Term:
    """One loss over the columns it reads: ``targets`` (a teacher's or an ensemble's scores) and/or ``labels``.

    head: the head that is trained, one of its own beside the student; `OWN` for the student's own. Raises
    `UnknownNameError` for a loss or setting that does not exist, `UsageError` for values that cannot be meant.
    """

    loss: str
    targets: str | None = None
    labels: str | None = None
    weight: float = 1.0
    settings: Mapping[str, Any] = field(default_factory=dict)
    head: str = OWN

    def __post_init__(self) -> None:
        settings = checked(self.loss, get_loss(self.loss).function, self.settings, others=("head",))
        object.__setattr__(self, "settings", settings)
        object.__setattr__(self, "weight", WEIGHTS(f"the weight of {self.name}", self.weight))
        if self.labels == TEACHER:
            raise UsageError(
                f"{self.loss} learns from a column of labels, or of scores in their place, and {TEACHER!r} is the "
                "model beside the student: name the column of its scores, such as t1"
            )

    @property
    def fits_logits(self) -> bool:
        """Whether its targets are a classifier's logits."""
        return get_loss(self.loss).sees == "logits" and get_loss(self.loss).needs_targets

    @property
    def name(self) -> str:
        """The term as it is logged: ``hinge(label)``, ``pointwise_mse(t1, head=t1)``."""
        read = [column for column in (self.targets, self.labels) if column]
        return f"{self.loss}({', '.join(read + ([f'head={self.head}'] if self.head != OWN else []))})"

    def __str__(self) -> str:
        """The term as it is written, with its settings and weight."""
        settings = "".join(f", {name}={value!r}" for name, value in self.settings.items())
        inside = f"{self.name[len(self.loss) + 1 : -1]}{settings}".removeprefix(", ")
        return ("" if self.weight == 1 else f"{_written(self.weight)}*") + f"{self.loss}({inside})"


def logit_columns(name: str, columns: Iterable[str]) -> list[str]:
    """The columns of a classifier's logits, in their order: ``rte.0``, ``rte.1`` ... for the name ``rte``.

    Where there are none, the first of them, which stands for what is missing.
    """
    there = set(columns)
    found: list[str] = []
    while f"{name}.{len(found)}" in there:
        found.append(f"{name}.{len(found)}")
    return found or [f"{name}.0"]


def _written(weight: float) -> str:
    """Write a weight in few digits where they say it exactly."""
    short = f"{weight:g}"
    return short if float(short) == weight else repr(weight)
