"""Interleaving gain as a measure of ir_measures: ``Interleaving(against='bm25.trec')@10``."""

from __future__ import annotations

from collections.abc import Sequence

import ir_measures
from ir_measures.measures.base import ParamInfo

from rankdistill.evaluation.judged_run import JudgedRun
from rankdistill.evaluation.measures.parameters import cutoff_of

SHOWN = 10


class InterleavingMeasure(ir_measures.Measure):
    """Δ_AB of the run, A, against the run in a file, B, under simulated clicks; see `simulate_interleaving`.

    All queries have equally many sessions, so that the mean over queries is the gain over all sessions. A query that
    either run lacks counts as a tie, 0.
    """

    __name__ = "Interleaving"
    NAME = __name__
    PRETTY_NAME = "Interleaving Gain"
    SHORT_DESC = "How much more often users click the run's documents in lists interleaved with another run's."
    SUPPORTED_PARAMS = {  # noqa: RUF012  (declared as an instance attribute by the base class)
        "cutoff": ParamInfo(dtype=int, required=False, desc="documents shown"),
        "against": ParamInfo(dtype=str, required=True, desc="file of the run that this one is compared with"),
        "clicks": ParamInfo(dtype=str, choices=["cascade", "position"], default="cascade", desc="click model"),
        "sessions": ParamInfo(dtype=int, default=100, desc="simulated users per query"),
        "seed": ParamInfo(dtype=int, default=0, desc="seed of coins and clicks"),
    }


INTERLEAVING = InterleavingMeasure()


def interleaving_values(measure: ir_measures.Measure, judged: JudgedRun) -> Sequence[float]:
    """Compute each judged query's gain, in the order of the qrels."""
    from rankdistill.data.trec.read import read_run  # they need Arrow and Numba, which other measures start without
    from rankdistill.evaluation.online.interleaving import simulate_interleaving

    settings = {name: measure[name] for name in ("clicks", "sessions", "seed")}
    k = cutoff_of(measure) or SHOWN
    run = judged.run.only_columns("score")
    sums = dict.fromkeys(judged.qrels.query_ids.to_pylist(), 0)
    for seen in simulate_interleaving(run, read_run(measure["against"]), judged.qrels, k=k, **settings):
        sums[seen.query_id] += seen.outcome
    return [0.5 * outcomes / settings["sessions"] for outcomes in sums.values()]
