"""Measures of a run, significance of a difference, and the leaderboard of many systems."""

from rankdistill.evaluate.dcg import DCG, dcg
from rankdistill.evaluate.measures import Evaluation, EvaluationWarning, evaluate, evaluate_per_query, evaluation
from rankdistill.evaluate.names import parse_measure, parse_measures
from rankdistill.evaluate.pnr import PNR, pnr, pnr_counts, pnr_macro
from rankdistill.evaluate.provider import register

register()

__all__ = [
    "DCG",
    "PNR",
    "Evaluation",
    "EvaluationWarning",
    "dcg",
    "evaluate",
    "evaluate_per_query",
    "evaluation",
    "parse_measure",
    "parse_measures",
    "pnr",
    "pnr_counts",
    "pnr_macro",
]
