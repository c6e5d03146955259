"""Tasks: what a model is trained and measured on."""

from rankdistill.tasks.task import KINDS, Kind, Splits, Task

__all__ = ["KINDS", "Kind", "Splits", "Task"]
