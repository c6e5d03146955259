"""Choose how a model is computed in int8: the fastest way that ranks a user's own candidates as float32 does."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection
from rankdistill.models.cross_encoder import CrossEncoder
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
    """Agreement with float32's order, Kendall's τ, mean over queries."""
    pairs_per_second: float


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
    Best is the fastest of those that reach the agreement; where none does, that of the greatest.
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
                scores, report = score_with_report(other, lists, collection)
            tau = mean_tau(expected, scores, lists.offsets)
            tried.append(Tried(how, np.nan if tau is None else tau, report.pairs_per_second))
            advance(1)
            if len(tried) == 1 and not tried[0].tau < least_tau:
                break
    return sorted(tried, key=lambda each: _rank(each, least_tau))


def _rank(tried: Tried, least_tau: float) -> tuple[bool, float]:
    reached = tried.tau >= least_tau
    return not reached, -tried.pairs_per_second if reached else -np.nan_to_num(tried.tau)
