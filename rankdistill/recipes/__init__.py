"""Recipes: short compositions of the parts, each reading like its paper."""

from rankdistill.ensembling.settings import EnsembleSettings
from rankdistill.recipes.distill import distill
from rankdistill.recipes.finetune import finetune, sample_queries
from rankdistill.recipes.labels import with_labels
from rankdistill.recipes.papers import RECIPES, Recipe, get_recipe
from rankdistill.recipes.start import start_model
from rankdistill.recipes.teachers import add_teachers, name_teachers

__all__ = [
    "RECIPES",
    "EnsembleSettings",
    "Recipe",
    "add_teachers",
    "distill",
    "finetune",
    "get_recipe",
    "name_teachers",
    "sample_queries",
    "start_model",
    "with_labels",
]
