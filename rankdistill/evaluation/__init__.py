"""Measures of a run, significance of a difference, and the leaderboard of many systems."""

from typing import TYPE_CHECKING

from rankdistill.evaluation.evaluate import Evaluation, EvaluationWarning, evaluate, evaluate_per_query, evaluation
from rankdistill.lazy import lazily

if TYPE_CHECKING:
    from rankdistill.evaluation.conventions import Conventions
    from rankdistill.evaluation.measures.dcg import DCG, dcg
    from rankdistill.evaluation.measures.pnr import PNR, pnr, pnr_counts
    from rankdistill.evaluation.measures.provider import register
    from rankdistill.evaluation.names import DEFAULT_MEASURES, parse_measure, parse_measures
    from rankdistill.evaluation.online.gain import Gain, gain
    from rankdistill.evaluation.online.gsb import gsb_gain, preferences_by_measure, read_preferences
    from rankdistill.evaluation.online.interleaving import interleaving_gain, simulate_interleaving
    from rankdistill.evaluation.pair_metrics import PAIR_METRICS, evaluate_pairs
    from rankdistill.evaluation.report.leaderboard import Leaderboard, find_runs, leaderboard
    from rankdistill.evaluation.report.page import as_html, write_html
    from rankdistill.evaluation.report.render import as_markdown, as_table
    from rankdistill.evaluation.report.tables import export
    from rankdistill.evaluation.significance import TESTS, Comparison, compare, effect_size, fisher, holm, paired_t

_HOMES = {
    "Conventions": "conventions",
    "DCG": "measures.dcg",
    "dcg": "measures.dcg",
    "PNR": "measures.pnr",
    "pnr": "measures.pnr",
    "pnr_counts": "measures.pnr",
    "register": "measures.provider",
    "DEFAULT_MEASURES": "names",
    "parse_measure": "names",
    "parse_measures": "names",
    "Gain": "online.gain",
    "gain": "online.gain",
    "gsb_gain": "online.gsb",
    "preferences_by_measure": "online.gsb",
    "read_preferences": "online.gsb",
    "interleaving_gain": "online.interleaving",
    "simulate_interleaving": "online.interleaving",
    "PAIR_METRICS": "pair_metrics",
    "evaluate_pairs": "pair_metrics",
    "Leaderboard": "report.leaderboard",
    "find_runs": "report.leaderboard",
    "leaderboard": "report.leaderboard",
    "as_html": "report.page",
    "write_html": "report.page",
    "as_markdown": "report.render",
    "as_table": "report.render",
    "export": "report.tables",
    "TESTS": "significance",
    "Comparison": "significance",
    "compare": "significance",
    "effect_size": "significance",
    "fisher": "significance",
    "holm": "significance",
    "paired_t": "significance",
}

__all__ = [
    "DCG",
    "DEFAULT_MEASURES",
    "PAIR_METRICS",
    "PNR",
    "TESTS",
    "Comparison",
    "Conventions",
    "Evaluation",
    "EvaluationWarning",
    "Gain",
    "Leaderboard",
    "as_html",
    "as_markdown",
    "as_table",
    "compare",
    "dcg",
    "effect_size",
    "evaluate",
    "evaluate_pairs",
    "evaluate_per_query",
    "evaluation",
    "export",
    "find_runs",
    "fisher",
    "gain",
    "gsb_gain",
    "holm",
    "interleaving_gain",
    "leaderboard",
    "paired_t",
    "parse_measure",
    "parse_measures",
    "pnr",
    "pnr_counts",
    "preferences_by_measure",
    "read_preferences",
    "register",
    "simulate_interleaving",
    "write_html",
]

__getattr__ = lazily(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted(__all__)
