"""Several teachers' scores into one target: single, mean, and PILE under the labels."""

from rankdistill.ensembling.ensemble import METHODS, EnsembleReport, Method, ensemble
from rankdistill.ensembling.mean import mean, single
from rankdistill.ensembling.missing import POLICIES
from rankdistill.ensembling.normalize import NORMALIZATIONS, normalize
from rankdistill.ensembling.pile import PileReport, pile, pile_with_report

__all__ = [
    "METHODS",
    "NORMALIZATIONS",
    "POLICIES",
    "EnsembleReport",
    "Method",
    "PileReport",
    "ensemble",
    "mean",
    "normalize",
    "pile",
    "pile_with_report",
    "single",
]
