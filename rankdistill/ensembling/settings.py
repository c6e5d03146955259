"""EnsembleSettings: how teachers become one target; declared once for Python, commands, parts and YAML."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from rankdistill.ensembling.missing import Policy
from rankdistill.ensembling.normalize import Normalization, Scope
from rankdistill.errors import UnknownNameError, UsageError

MethodName = Literal["pile", "mean", "single"]


@dataclass(frozen=True)
class EnsembleSettings:
    """How teachers become one target; see `rankdistill.ensembling.ensemble`."""

    method: MethodName = "pile"
    """How teachers are ensembled: their mean corrected under the labels (pile), their mean, or a single teacher."""
    rate: float = 0.9
    """PILE's update rate λ, in (0, 1]: the step towards the teachers that agree with the labels."""
    normalize: Normalization = "none"
    """Bring teachers to one scale first: none keeps their scores, center shifts their mean to 0, zscore also scales
    them to standard deviation 1, minmax maps them to [0, 1], rank to the share of other documents that they beat."""
    normalize_over: Scope = "query"
    """Normalize each query's candidates separately (query), or all candidates as one list (all)."""
    missing: Policy = "error"
    """Where a teacher lacks a score: stop (error), fill with the mean of the other teachers (mean-of-others) or with
    the teacher's lowest score in the query (min), or drop the candidate (drop)."""

    def __post_init__(self) -> None:
        for kind, name, valid in (
            ("ensemble method", self.method, get_args(MethodName)),
            ("normalization", self.normalize, get_args(Normalization)),
            ("normalization scope", self.normalize_over, get_args(Scope)),
            ("policy for missing scores", self.missing, get_args(Policy)),
        ):
            if name not in valid:
                raise UnknownNameError(kind, name, valid)
        if not 0 < self.rate <= 1:
            raise UsageError(f"PILE's rate must lie in (0, 1], got {self.rate}")
