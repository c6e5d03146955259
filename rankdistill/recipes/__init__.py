"""Recipes: short compositions of the parts, each reading like its paper."""

from rankdistill.recipes.distill import EnsembleSettings, add_teachers, distill, name_teachers
from rankdistill.recipes.finetune import finetune, sample_queries
from rankdistill.recipes.labels import with_labels
from rankdistill.recipes.start import start_model

__all__ = [
    "EnsembleSettings",
    "add_teachers",
    "distill",
    "finetune",
    "name_teachers",
    "sample_queries",
    "start_model",
    "with_labels",
]
