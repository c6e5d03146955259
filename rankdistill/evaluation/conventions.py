"""Conventions: what measures do where published numbers differ; declared once for Python, commands, parts and YAML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from rankdistill.data.candidates import Candidates, Ties, check_ties
from rankdistill.data.trec.read import Precision
from rankdistill.errors import UnknownNameError

Unjudged = Literal["missing", "irrelevant"]
"""A candidate without a judgment: in no pair of labels, or of grade 0."""


@dataclass(frozen=True)
class Conventions:
    """How runs are read and measured; the defaults are trec_eval's where it has the measure."""

    unjudged: Literal["auto", "missing", "irrelevant"] = "auto"
    """What candidates without a judgment are: missing (in no pair), or irrelevant (of grade 0). auto: irrelevant where
    the qrels hold relevant documents alone, as nobody wrote the others down; missing where they hold a grade of 0."""
    ties: Ties = "trec"
    """What ranks first of equal scores: the larger document id (trec, as trec_eval), the smaller (docid-asc, as MS
    MARCO's script and ir_measures' RR@k), or as the run's ranks say (rank)."""
    precision: Precision = "float32"
    """What scores compare as: float32, as in trec_eval 9, or float64, as in trec_eval 10."""

    def __post_init__(self) -> None:
        check_ties(self.ties)
        if self.unjudged not in ("auto", *get_args(Unjudged)):
            raise UnknownNameError("treatment of unjudged candidates", self.unjudged, ("auto", *get_args(Unjudged)))
        if self.precision not in get_args(Precision):
            raise UnknownNameError("precision of scores", self.precision, get_args(Precision))

    def unjudged_under(self, qrels: Candidates) -> Unjudged:
        """What unjudged candidates are under these judgments (column "label")."""
        if self.unjudged != "auto":
            return self.unjudged
        return "missing" if (qrels["label"] <= 0).any() else "irrelevant"
