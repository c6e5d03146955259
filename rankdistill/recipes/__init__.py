"""Recipes: short compositions of the parts, each reading like its paper."""

from rankdistill.ensembling.settings import EnsembleSettings
from rankdistill.recipes.distill import Lesson, distill, distill_on
from rankdistill.recipes.finetune import finetune, finetune_on, sample_queries
from rankdistill.recipes.labels import with_labels
from rankdistill.recipes.measure import measure_model
from rankdistill.recipes.papers import RECIPES, Recipe, get_recipe
from rankdistill.recipes.stages import FirstStage
from rankdistill.recipes.start import StartSettings, start_model
from rankdistill.recipes.teachers import add_teachers, name_teachers

__all__ = [
    "RECIPES",
    "EnsembleSettings",
    "FirstStage",
    "Lesson",
    "Recipe",
    "StartSettings",
    "add_teachers",
    "distill",
    "distill_on",
    "finetune",
    "finetune_on",
    "get_recipe",
    "measure_model",
    "name_teachers",
    "sample_queries",
    "start_model",
    "with_labels",
]
