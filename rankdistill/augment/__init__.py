"""Augmentation: unlabelled variations of a task's texts, in parts, for teachers to label and students to learn from."""

from rankdistill.augment.build import augment
from rankdistill.augment.settings import AugmentSettings

__all__ = ["AugmentSettings", "augment"]
