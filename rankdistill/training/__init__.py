"""Training on candidate lists: objectives of named weighted losses, list sampling, and one trainer."""

from rankdistill.training.draw import ListPlan, draw_candidates, plan_lists
from rankdistill.training.fit import check_objective, fit
from rankdistill.training.imitate import imitate
from rankdistill.training.objective import Objective
from rankdistill.training.settings import TrainingSettings
from rankdistill.training.terms import Term

__all__ = [
    "ListPlan",
    "Objective",
    "Term",
    "TrainingSettings",
    "check_objective",
    "draw_candidates",
    "fit",
    "imitate",
    "plan_lists",
]
