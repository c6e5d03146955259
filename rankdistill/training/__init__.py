"""Training on candidate lists: objectives of named weighted losses, list sampling, and one trainer."""

from rankdistill.training.fit import fit
from rankdistill.training.lists import ListPlan, plan_lists
from rankdistill.training.objective import Objective, Term
from rankdistill.training.settings import TrainingSettings
from rankdistill.training.trainer import DevSet

__all__ = ["DevSet", "ListPlan", "Objective", "Term", "TrainingSettings", "fit", "plan_lists"]
