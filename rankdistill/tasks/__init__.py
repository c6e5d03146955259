"""Tasks: what a model is trained and measured on."""

from rankdistill.tasks.kinds import KINDS, Kind
from rankdistill.tasks.splits import Splits
from rankdistill.tasks.task import LABEL, Task

__all__ = ["KINDS", "LABEL", "Kind", "Splits", "Task"]
