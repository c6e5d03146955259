"""fuse: add the first stage's scores to a model's, both as z-scores within the query, by a weight tuned on dev."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rankdistill.arrays import F64
from rankdistill.data.candidates import Candidates
from rankdistill.ensembling.normalize import normalize
from rankdistill.errors import DataError, UsageError
from rankdistill.evaluation.conventions import Conventions
from rankdistill.evaluation.evaluate import evaluation

WEIGHTS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0)


@dataclass(frozen=True)
class TunedWeight:
    """The weight of the best fusion on the queries it was tuned on."""

    weight: float
    measure: str
    queries: int
    """Judged queries of the tuning."""
    curve: dict[float, float]
    """Weight -> the measure's value on those queries; 0 is the model alone."""

    def __str__(self) -> str:
        alone = f" ({self.curve[0.0]:.4f} for the model alone)" if 0.0 in self.curve else ""
        return (
            f"fusion weight of the first stage: {self.weight:g}, tuned on {self.queries} queries: "
            f"{self.measure} {self.curve[self.weight]:.4f}{alone}"
        )


def fuse(model_scores: ArrayLike, first_stage_scores: ArrayLike, offsets: ArrayLike, weight: float) -> F64:
    """Fuse two scores of each candidate: float64 (N,), z(model) + weight * z(first stage).

    z is the z-score within the query's list, so the weight means the same for every query and pair of models; a list
    whose scores are all equal gives 0. model_scores, first_stage_scores: float (N,). offsets: int (Q+1,), query q is
    rows ``offsets[q]:offsets[q+1]``. Missing scores (NaN) stay missing.
    """
    if not np.isfinite(weight):
        raise UsageError(f"the weight of a fusion must be a finite number, got {weight}")
    first = normalize(first_stage_scores, offsets, "zscore")
    return normalize(model_scores, offsets, "zscore") + weight * first


def tune_weight(
    candidates: Candidates,
    model: str,
    first_stage: str,
    qrels: Candidates,
    measure: str = "nDCG@10",
    weights: Sequence[float] = WEIGHTS,
) -> TunedWeight:
    """Find the best weight for the fusion of two columns, ``model`` and ``first_stage``.

    Every weight is tried on the candidates' judged queries; of equally good weights the first is chosen, by default the
    smallest. Use queries of neither training nor test. qrels: column "label". Raises `DataError` where no
    query of the candidates is judged, `UsageError` for no weights or an unknown measure.
    """
    if not weights:
        raise UsageError("no weights to try, expected at least one")
    judged = candidates.only_queries(qrels.query_ids)
    if not judged.n_queries:
        raise DataError(f"none of the {candidates.n_queries} queries to tune the fusion's weight on is judged")
    conventions = Conventions().under(qrels)
    labels = qrels.only_queries(judged.query_ids)
    curve = {}
    for weight in weights:
        fused = fuse(judged[model], judged[first_stage], judged.offsets, weight)
        result = evaluation(labels, judged.with_columns(fused=fused), measure, "fused", conventions)
        curve[float(weight)] = result.values[measure]
    best = max(curve, key=lambda weight: curve[weight])
    return TunedWeight(best, measure, judged.n_queries, curve)
