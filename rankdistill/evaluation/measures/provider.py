"""Offer our measures to ir_measures, by name and as one of its providers.

Importing this module, and so `rankdistill.evaluation`, changes ir_measures for the whole process, see `register`: our
``PNR`` works in ``ir_measures.calc_aggregate`` as its own measures do. No other import here changes another package.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import ir_measures
import numpy as np
from ir_measures import Metric, measures
from ir_measures.providers.base import Any as AnyValue
from ir_measures.providers.base import Choices
from ir_measures.util import QrelsConverter, RunConverter

from rankdistill.evaluation.judged_run import JudgedRun
from rankdistill.evaluation.measures.by_rank import BY_RELEVANCE, judged_values, relevance_values
from rankdistill.evaluation.measures.counts import accuracy_values, num_q_values, num_rel_values, num_ret_values
from rankdistill.evaluation.measures.dcg import DCG, DcgMeasure, dcg_values, ndcg_values
from rankdistill.evaluation.measures.err import err_values
from rankdistill.evaluation.measures.interleaving import INTERLEAVING, InterleavingMeasure, interleaving_values
from rankdistill.evaluation.measures.pnr import PNR, PnrMeasure, pnr_values

if TYPE_CHECKING:
    from rankdistill.data.candidates import Candidates

OWN_MEASURES: dict[str, Callable[[ir_measures.Measure, JudgedRun], Sequence[float]]] = {
    "PNR": pnr_values,
    "DCG": dcg_values,
    "nDCG": ndcg_values,
    "ERR": err_values,
    "Judged": judged_values,
    "Interleaving": interleaving_values,
    "NumQ": num_q_values,
    "NumRel": num_rel_values,
    "NumRet": num_ret_values,
    "Accuracy": accuracy_values,
    **dict.fromkeys(BY_RELEVANCE, relevance_values),
}
AT_ANY = {"cutoff": AnyValue(), "rel": AnyValue(), "judged_only": AnyValue()}


def own_values(measure: ir_measures.Measure, judged: JudgedRun) -> dict[str, float]:
    """Compute one of `OWN_MEASURES` for every judged query: {query id: value}."""
    values = OWN_MEASURES[str(measure.NAME)](measure, judged)
    return dict(zip(judged.query_ids, values, strict=True))


class RankDistillProvider(ir_measures.Provider):
    """Compute PNR, DCG and the common measures from one ranking, with one rule for ties."""

    NAME = "rankdistill"
    SUPPORTED_MEASURES = [  # noqa: RUF012  (declared as an instance attribute by the base class)
        PnrMeasure(avg=Choices("pooled", "macro")),
        DcgMeasure(cutoff=AnyValue(), gain=Choices("linear", "exp")),
        measures._ERR(cutoff=AnyValue()),
        measures._nDCG(
            cutoff=AnyValue(),
            dcg=Choices("log2", "exp-log2"),
            gains=AnyValue(),
            judged_only=AnyValue(),
        ),
        InterleavingMeasure(
            cutoff=AnyValue(),
            against=AnyValue(required=True),
            clicks=Choices("cascade", "position"),
            sessions=AnyValue(),
            seed=AnyValue(),
        ),
        measures._AP(**AT_ANY),
        measures._P(**AT_ANY),
        measures._R(**AT_ANY),
        measures._RR(**AT_ANY),
        measures._Success(**AT_ANY),
        measures._Rprec(rel=AnyValue(), judged_only=AnyValue()),
        measures._Judged(cutoff=AnyValue()),
        measures._NumQ(),
        measures._NumRel(rel=AnyValue()),
        measures._NumRet(rel=AnyValue()),
        measures._Accuracy(cutoff=AnyValue(), rel=AnyValue()),
    ]

    def _evaluator(self, measures: Iterable[ir_measures.Measure], qrels: Any) -> ir_measures.Evaluator:
        from rankdistill.data.candidates import Candidates

        lists = QrelsConverter(qrels).as_dict_of_dict()
        return RankDistillEvaluator(measures, Candidates.from_dict(lists, "label"))


class RankDistillEvaluator(ir_measures.Evaluator):
    """Evaluate runs in any form that ir_measures reads; scores compare as float32."""

    def __init__(self, measures: Iterable[ir_measures.Measure], qrels: Candidates) -> None:
        super().__init__(list(measures), set(qrels.query_ids.to_pylist()))
        self.qrels = qrels

    def _iter_calc(self, run: Any) -> Iterator[Metric]:
        from rankdistill.data.candidates import Candidates
        from rankdistill.evaluation.judged import judge

        lists = RunConverter(run).as_dict_of_dict()
        candidates = Candidates.from_dict(lists, "score")
        if not np.isin(candidates.query_ids.to_pylist(), list(self.qrel_qids)).any():
            return
        judged = judge(self.qrels, candidates)
        for measure in self.measures:
            for query_id, value in own_values(measure, judged).items():
                yield Metric(query_id, measure, value)


OWN = RankDistillProvider()


def register() -> None:
    """Add our measures to ir_measures' registry, and our provider to the end of its default pipeline."""
    for measure in (PNR, DCG, INTERLEAVING):
        measures.registry[measure.__name__] = measure
    ir_measures.providers.register(OWN)
    if OWN not in ir_measures.DefaultPipeline.providers:
        ir_measures.DefaultPipeline.providers.append(OWN)


register()
