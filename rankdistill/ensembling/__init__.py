"""Ensemble several teachers' scores into one target: a single teacher, the mean, or PILE under the labels."""

from rankdistill.ensembling.ensemble import METHODS, EnsembleReport, Method, ensemble
from rankdistill.ensembling.mean import mean, single
from rankdistill.ensembling.missing import POLICIES
from rankdistill.ensembling.normalize import NORMALIZATIONS, normalize
from rankdistill.ensembling.pile import PileReport, pile, pile_with_report
from rankdistill.ensembling.settings import EnsembleSettings, MethodName

__all__ = [
    "METHODS",
    "NORMALIZATIONS",
    "POLICIES",
    "EnsembleReport",
    "EnsembleSettings",
    "Method",
    "MethodName",
    "PileReport",
    "ensemble",
    "mean",
    "normalize",
    "pile",
    "pile_with_report",
    "single",
]
