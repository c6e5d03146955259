"""fuse: a model's scores and the first stage's, each as z-scores within the query, added by a weight tuned on dev."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
from numpy.typing import ArrayLike, NDArray

from rankdistill.data.candidates import Candidates
from rankdistill.ensembling.normalize import normalize
from rankdistill.errors import DataError, UsageError
from rankdistill.evaluation.evaluate import evaluation

WEIGHTS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0)


@dataclass(frozen=True)
class TunedWeight:
    """The weight that fused best on the queries it was tuned on."""

    weight: float
    measure: str
    queries: int
    """Judged queries that it was tuned on."""
    curve: dict[float, float]
    """Weight -> the measure's value on those queries; 0 is the model alone."""

    def __str__(self) -> str:
        alone = f", {self.curve[0.0]:.4f} for the model alone" if 0.0 in self.curve else ""
        return (
            f"weight {self.weight:g} of the first stage tuned on {self.queries} queries: "
            f"{self.measure} {self.curve[self.weight]:.4f} there{alone}"
        )


def fuse(
    model_scores: ArrayLike, first_stage_scores: ArrayLike, offsets: ArrayLike, weight: float
) -> NDArray[np.float64]:
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
    """Find the weight with which two columns, ``model`` and ``first_stage``, fuse best.

    Every weight is tried on the candidates' judged queries; of equally good ones the first is taken, so by default the
    least. Use queries that are neither trained nor reported on. qrels: column "label". Raises `DataError` where no
    query of the candidates is judged, `UsageError` for no weights or an unknown measure.
    """
    if not weights:
        raise UsageError("no weights to try, expected at least one")
    judged = pc.is_in(candidates.query_ids, value_set=qrels.query_ids).to_numpy(zero_copy_only=False)
    if not judged.any():
        raise DataError(f"none of the {candidates.n_queries} queries to tune the fusion's weight on is judged")
    here = candidates.take_queries(judged)
    labels = qrels.take_queries(here.query_ids.to_pylist())
    curve = {}
    for weight in weights:
        fused = fuse(here[model], here[first_stage], here.offsets, weight)
        result = evaluation(labels, here.with_columns(fused=fused), measure, by="fused")
        curve[float(weight)] = result.values[measure]
    best = max(curve, key=lambda weight: curve[weight])
    return TunedWeight(best, measure, here.n_queries, curve)
