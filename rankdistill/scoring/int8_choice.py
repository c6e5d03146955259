"""Choose how a model is computed in int8: the fastest way that ranks a user's own candidates as float32 does."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection
from rankdistill.errors import DataError
from rankdistill.models.cross_encoder import CrossEncoder
from rankdistill.models.engines.check import RefusedExport
from rankdistill.models.engines.export import export_model
from rankdistill.models.engines.int8_openvino import GROUPS, Int8
from rankdistill.models.families import n_layers_of
from rankdistill.progress import progress
from rankdistill.scoring.export_check import calibration_batches, mean_tau
from rankdistill.scoring.score import score_with_report
from rankdistill.scoring.settings import LEAST_TAU

QUERIES, CANDIDATES = 5, 40
"""Lists, and candidates of each, that are scored to try a way."""


@dataclass(frozen=True)
class Tried:
    """A way to compute in int8, and how it did."""

    how: Int8
    tau: float
    """Agreement with float32's order, Kendall's τ, mean over queries; NaN where the check refused the way."""
    pairs_per_second: float
    refused: str | None = None
    """Why the check of exported models refused the way."""


def ways(n_layers: int) -> list[Int8]:
    """List the ways of a model of so many layers, the fastest on most processors first."""
    groups = [Int8(group) for group in GROUPS]
    return [Int8(), *groups, *(Int8(left=(layer,)) for layer in range(n_layers - 1) if n_layers > 2)]


def try_int8(
    model: CrossEncoder,
    engine: str,
    candidates: Candidates,
    collection: Collection,
    least_tau: float = LEAST_TAU,
) -> list[Tried]:
    """Try ways of int8 until the first reaches ``least_tau``; all of them where the first does not. The best is first.

    candidates: which give the ranges of activations; of the first `QUERIES` lists the first `CANDIDATES` are scored.
    Best is the fastest of those that reach the agreement; where none does, that of the greatest. A way that the check
    of exported models refuses is never best. Raises `DataError` where it refuses all of them.
    """
    batches = calibration_batches(model, candidates, collection)
    lists = candidates.take_queries(np.arange(candidates.n_queries) < QUERIES)
    lists = lists.take_rows(np.arange(len(lists)) - lists.offsets[:-1][lists.query_of_row] < CANDIDATES)
    all_ways, tried = ways(n_layers_of(model.model)), list[Tried]()
    with progress("trying int8", len(all_ways), unit="ways") as advance:
        expected, _ = score_with_report(model.with_engine("torch"), lists, collection)
        for how in all_ways:
            with tempfile.TemporaryDirectory() as scratch:
                export_model(model.model, model.fingerprint(), scratch, engine, "int8", batches, how)
                other = model.with_engine(engine, "int8", Path(scratch))
                try:
                    scores, report = score_with_report(other, lists, collection)
                    tau = mean_tau(expected, scores, lists.offsets)
                    tried.append(Tried(how, np.nan if tau is None else tau, report.pairs_per_second))
                except RefusedExport as error:
                    tried.append(Tried(how, np.nan, np.nan, str(error)))
            advance(1)
            if len(tried) == 1 and tried[0].refused is None and not tried[0].tau < least_tau:
                break
    if all(each.refused for each in tried):
        raise DataError(f"none of {len(tried)} ways of int8 can be used; by {tried[0].how}: {tried[0].refused}")
    return sorted(tried, key=lambda each: _rank(each, least_tau))


def _rank(tried: Tried, least_tau: float) -> tuple[bool, bool, float]:
    reached = tried.tau >= least_tau
    return tried.refused is not None, not reached, -tried.pairs_per_second if reached else -np.nan_to_num(tried.tau)
