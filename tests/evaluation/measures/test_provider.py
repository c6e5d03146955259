"""Our measures through ir_measures itself, in each form of input it takes."""

import ir_measures
import pytest
from ir_measures import Qrel, ScoredDoc

import rankdistill.evaluation
from rankdistill.evaluation import DCG, PNR

QRELS = {"q1": {"a": 2, "b": 0, "c": 1}, "q2": {"a": 1, "b": 0}, "q3": {"a": 1}}
RUN = {"q1": {"a": 3.0, "b": 2.0, "c": 1.0, "x": 9.0}, "q2": {"b": 2.0, "a": 1.0}, "q9": {"a": 1.0}}
MEASURES = [PNR, PNR(avg="macro"), DCG @ 2, ir_measures.nDCG @ 10]
EXPECTED = {"PNR": 2 / 2, "PNR(avg='macro')": (2 / 1 + 0 / 1 + 0) / 3}


def test_ir_measures_knows_our_measures_by_name():
    assert ir_measures.parse_measure("PNR") == PNR
    assert ir_measures.parse_measure("PNR(avg='macro')") == PNR(avg="macro")
    assert ir_measures.parse_measure("DCG(gain='exp')@10") == DCG(gain="exp") @ 10


def inputs():
    yield QRELS, RUN
    yield (
        [Qrel(q, d, label) for q, docs in QRELS.items() for d, label in docs.items()],
        [ScoredDoc(q, d, score) for q, docs in RUN.items() for d, score in docs.items()],
    )


@pytest.mark.parametrize(("qrels", "run"), inputs())
def test_ir_measures_computes_our_measures_beside_its_own(qrels, run):
    values = {str(measure): value for measure, value in ir_measures.calc_aggregate(MEASURES, qrels, run).items()}
    assert values["PNR"] == EXPECTED["PNR"]
    assert values["PNR(avg='macro')"] == pytest.approx(EXPECTED["PNR(avg='macro')"])
    alone = ir_measures.calc_aggregate([ir_measures.nDCG @ 10], QRELS, RUN)
    assert values["nDCG@10"] == alone[ir_measures.nDCG @ 10]


def test_ir_measures_computes_our_measures_query_by_query():
    values = {m.query_id: m.value for m in ir_measures.iter_calc([PNR], QRELS, RUN)}
    assert values == {"q1": 2.0, "q2": 0.0, "q3": 0.0}


def test_a_run_without_a_judged_query_gets_the_defaults_as_elsewhere_in_ir_measures():
    assert {m.value for m in ir_measures.iter_calc([PNR, DCG @ 3], QRELS, {"q9": {"a": 1.0}})} == {0.0}
    assert {m.value for m in ir_measures.iter_calc([DCG @ 3], QRELS, {})} == {0.0}


def test_registering_twice_changes_nothing():
    before = list(ir_measures.DefaultPipeline.providers)
    rankdistill.evaluation.register()
    assert ir_measures.DefaultPipeline.providers == before


def test_ir_measures_own_measures_stay_with_its_own_providers():
    own_first = ir_measures.DefaultPipeline.providers.index(rankdistill.evaluation.measures.provider.OWN)
    assert own_first == len(ir_measures.DefaultPipeline.providers) - 1
