"""Training on candidate lists: objectives of named weighted losses, list sampling, and one trainer."""

from rankdistill.training.claim import claim
from rankdistill.training.fit import fit
from rankdistill.training.lists import ListPlan, draw_candidates, plan_lists
from rankdistill.training.objective import Objective, Term
from rankdistill.training.settings import TrainingSettings
from rankdistill.training.shrink import shrink
from rankdistill.training.trainer import DevSet

__all__ = [
    "DevSet",
    "ListPlan",
    "Objective",
    "Term",
    "TrainingSettings",
    "claim",
    "draw_candidates",
    "fit",
    "plan_lists",
    "shrink",
]
