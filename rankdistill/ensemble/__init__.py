"""Several teachers' scores into one target: single, mean, and PILE under the labels."""

from rankdistill.ensemble.ensemble import METHODS, EnsembleReport, Method, ensemble
from rankdistill.ensemble.mean import mean, single
from rankdistill.ensemble.missing import POLICIES
from rankdistill.ensemble.normalize import NORMALIZATIONS, normalize
from rankdistill.ensemble.pile import PileReport, pile, pile_with_report

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
