"""Add a measure of your own, with a name and a cutoff, and use it beside the others.

python examples/your_own_measure.py
"""

import ir_measures
import numpy as np
from ir_measures.measures.base import ParamInfo
from ir_measures.providers.base import Any as AnyValue

import rankdistill as rd
from rankdistill.evaluation.judged import JudgedRun
from rankdistill.evaluation.measures.dcg import cutoff_of
from rankdistill.evaluation.measures.provider import OWN, OWN_MEASURES


class Best(ir_measures.Measure):
    """The highest label among the first k documents."""

    __name__ = NAME = PRETTY_NAME = "Best"
    SHORT_DESC = "Highest label among the first k documents."
    SUPPORTED_PARAMS = {"cutoff": ParamInfo(dtype=int, required=True, desc="ranking cutoff")}  # noqa: RUF012


def best_values(measure: ir_measures.Measure, judged: JudgedRun) -> list[float]:
    """One value per judged query; ``judged`` has the labels (J,) and ranks (J,) of the judged candidates."""
    values = np.zeros(judged.n_queries)
    seen = judged.ranks <= cutoff_of(measure)
    np.maximum.at(values, judged.query_of[seen], judged.labels[seen])
    return values.tolist()


ir_measures.measures.registry["Best"] = Best()
OWN.SUPPORTED_MEASURES.append(Best(cutoff=AnyValue()))
OWN_MEASURES["Best"] = best_values

qrels = rd.Candidates.from_dict({"q1": {"d1": 3, "d2": 0}, "q2": {"d1": 1, "d2": 2}}, "label")
run = rd.Candidates.from_dict({"q1": {"d1": 0.9, "d2": 0.1}, "q2": {"d1": 0.8, "d2": 0.7}}, "score")
print(rd.evaluate(qrels, run, ["Best@1", "Best@2", "nDCG@10"]))
