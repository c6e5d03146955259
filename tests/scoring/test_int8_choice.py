"""The way of int8 that is taken is the fastest that ranks as float32 does, on the user's own candidates."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tiny import judged_collection, lively, make_tokenizer

from rankdistill.errors import DataError
from rankdistill.models import CrossEncoder
from rankdistill.models.engines.check import RefusedExport
from rankdistill.models.engines.int8_openvino import Int8
from rankdistill.retrieval.bm25 import bm25
from rankdistill.scoring import int8_choice, score_with_report
from rankdistill.scoring.export_check import export_checked
from rankdistill.scoring.int8_choice import try_int8, ways

FOUND = {
    Int8(): (0.90, 400.0),
    Int8(128): (0.95, 300.0),
    Int8(64): (0.975, 250.0),
    Int8(32): (0.98, 200.0),
    Int8(left=(0,)): (0.99, 240.0),
    Int8(left=(1,)): (0.96, 260.0),
    Int8(left=(2,)): (0.93, 270.0),
}


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> set[Int8]:
    """Every way has the agreement and speed of `FOUND`, nothing is exported; those put in here are refused."""
    refused = set[Int8]()
    taken: list[Int8] = []

    def scored(*_arguments: object) -> tuple[np.ndarray, SimpleNamespace]:
        if taken and taken[-1] in refused:
            raise RefusedExport(f"{taken[-1]} gives other logits")
        return np.zeros(0), SimpleNamespace(pairs_per_second=FOUND[taken[-1]][1] if taken else 100.0)

    monkeypatch.setattr(int8_choice, "export_model", lambda *arguments: taken.append(arguments[-1]))
    monkeypatch.setattr(int8_choice, "score_with_report", scored)
    monkeypatch.setattr(int8_choice, "mean_tau", lambda *_: FOUND[taken[-1]][0])
    monkeypatch.setattr(CrossEncoder, "with_engine", lambda model, *_: model)
    return refused


@pytest.mark.usefixtures("refused")
@pytest.mark.parametrize(
    ("least_tau", "best", "n_tried"),
    [(0.9, Int8(), 1), (0.0, Int8(), 1), (0.95, Int8(128), 7), (0.97, Int8(64), 7), (0.995, Int8(left=(0,)), 7)],
)
def test_the_fastest_that_agrees_is_first_else_the_one_that_agrees_most(
    least_tau: float, best: Int8, n_tried: int
) -> None:
    model, judged = CrossEncoder(lively("bert"), make_tokenizer()), judged_collection(8, 20)
    tried = try_int8(model, "openvino", bm25(judged, k=5), judged, least_tau)
    assert (tried[0].how, len(tried)) == (best, n_tried)
    assert {each.how: (each.tau, each.pairs_per_second) for each in tried}.items() <= FOUND.items()


def test_a_way_that_the_check_refuses_is_last_and_the_others_are_tried(refused: set[Int8]) -> None:
    model, judged = CrossEncoder(lively("bert"), make_tokenizer()), judged_collection(8, 20)
    refused |= {Int8(), Int8(128)}
    tried = try_int8(model, "openvino", bm25(judged, k=5), judged, 0.95)
    assert (tried[0].how, len(tried)) == (Int8(left=(1,)), 7)
    assert {each.how for each in tried[-2:]} == refused
    assert all(np.isnan(each.tau) and "gives other logits" in str(each.refused) for each in tried[-2:])


def test_refusing_all_ways_is_an_error_that_says_why(refused: set[Int8]) -> None:
    model, judged = CrossEncoder(lively("bert"), make_tokenizer()), judged_collection(8, 20)
    refused |= set(ways(4))
    with pytest.raises(DataError, match=r"none of 7 ways of int8 can be used; by ranges from pairs: .* other logits"):
        try_int8(model, "openvino", bm25(judged, k=5), judged, 0.95)


def test_every_layer_but_the_last_may_be_left_unless_none_were_in_int8_then() -> None:
    assert [way.left for way in ways(4) if way.left] == [(0,), (1,), (2,)]
    assert not [way for way in ways(2) if way.left]


@pytest.mark.slow
def test_ways_are_exported_and_differ(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    pytest.importorskip("nncf")
    judged = judged_collection(8, 20)
    model, run = (
        CrossEncoder(lively("bert", initializer_range=0.05, hidden_size=64), make_tokenizer()),
        bm25(judged, k=5),
    )
    tried = try_int8(model, "openvino", run, judged, least_tau=1.0)
    assert {each.how for each in tried} == set(ways(4))
    assert tried[0].tau == max(each.tau for each in tried) > 0.3
    scores = {}
    for how in (Int8(), Int8(32), Int8(left=(0,))):
        place = tmp_path / str(how)
        export_checked(model, place, "openvino", "int8", run, judged, how=how)
        scores[how], _ = score_with_report(model.with_engine("openvino", "int8", place), run, judged)
    exact, _ = score_with_report(model, run, judged)
    errors = {how: float(np.abs(values - exact).mean()) for how, values in scores.items()}
    assert len(set(errors.values())) == 3
    assert max(errors.values()) < 0.2 * np.ptp(exact)
