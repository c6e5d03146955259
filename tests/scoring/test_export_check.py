"""An exported model is written only when it scores as torch does, and the comparison says how near it is."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import judged_collection, make_model, make_tokenizer

from rankdistill.data.collection import Collection
from rankdistill.errors import DataError
from rankdistill.models import CrossEncoder
from rankdistill.models.engines import export, exported
from rankdistill.retrieval.bm25 import bm25
from rankdistill.scoring import export_check
from rankdistill.scoring.export_check import calibration_batches, compare_engines, export_checked


@pytest.fixture
def judged() -> Collection:
    return judged_collection(12, 20)


@pytest.fixture
def model() -> CrossEncoder:
    return CrossEncoder(make_model(initializer_range=0.3), make_tokenizer())


def test_a_model_agrees_with_itself(model: CrossEncoder, judged: Collection) -> None:
    run = bm25(judged, k=5)
    check = compare_engines(model, model, run, judged)
    assert (check.pairs, check.difference, check.tau, check.ndcg_change) == (len(run), 0.0, pytest.approx(1.0), 0.0)
    assert check.spread > 0


def test_a_model_of_opposite_scores_disagrees_in_every_number(model: CrossEncoder, judged: Collection) -> None:
    opposite = copy.deepcopy(model.model)
    with torch.no_grad():
        opposite.classifier.weight *= -1
    check = compare_engines(model, model.with_model(opposite), bm25(judged, k=5), judged)
    assert check.difference > 0.1
    assert check.tau == pytest.approx(-1.0)
    assert check.ndcg_change != 0


def test_without_judgments_there_is_no_change_of_a_measure(model: CrossEncoder, judged: Collection) -> None:
    run = bm25(judged, k=5)
    unjudged = Collection(judged.name, judged.queries, judged.documents)
    assert compare_engines(model, model, run, unjudged).ndcg_change is None


@pytest.mark.parametrize(
    ("checked", "message"),
    [
        (True, "BERT exported for onnx in float32 gives other logits than torch"),
        (False, r"onnx in float32 and torch differ by .* nothing is written"),
    ],
)
def test_an_export_that_scores_otherwise_is_refused_and_not_written(
    checked: bool,
    message: str,
    model: CrossEncoder,
    judged: Collection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")

    def damaged(weights: Any, *place: Any) -> Path:
        weights = copy.deepcopy(weights)
        with torch.no_grad():
            weights.classifier.weight *= 1.1
        return export.export_model(weights, *place)

    monkeypatch.setattr(export_check, "export_model", damaged)
    if not checked:  # random texts may show less than those that are scored
        monkeypatch.setattr(exported, "check_once", lambda *_: None)
    with pytest.raises(DataError, match=message):
        export_checked(model, tmp_path, "onnx", "float32", bm25(judged, k=5), judged)
    assert not list(tmp_path.iterdir())


def test_calibration_draws_the_same_pairs_every_time(model: CrossEncoder, judged: Collection) -> None:
    run = bm25(judged, k=5)
    first, second = (calibration_batches(model, run, judged) for _ in range(2))
    assert sum(len(batch["input_ids"]) for batch in first) == min(256, len(run))
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one["input_ids"], other["input_ids"])
