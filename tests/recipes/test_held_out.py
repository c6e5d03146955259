"""Splits keep training and measuring apart, and a model's folder says what it reached there."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tiny import make_model, make_tokenizer

from rankdistill.data import Candidates, Collection, read_run
from rankdistill.errors import DataError
from rankdistill.evaluation import evaluate
from rankdistill.models import CrossEncoder
from rankdistill.recipes.held_out import measure_model, required_split
from rankdistill.recipes.labels import with_labels


def test_splits_of_a_run_are_disjoint_and_whole(collection: Collection, run: Candidates) -> None:
    parts = [collection.in_split(run, split).query_ids.to_pylist() for split in ("train", "dev", "test")]
    assert sorted(query for part in parts for query in part) == sorted(run.query_ids.to_pylist())
    assert all(parts)
    only_train = collection.in_split(run, "train")
    with pytest.raises(DataError, match=r"none of the .* queries of the run is in split 'test' of tiny"):
        required_split(only_train, collection, "test")


def test_metrics_are_those_of_the_run_that_is_written(collection: Collection, run: Candidates, tmp_path: Path) -> None:
    model = CrossEncoder(make_model(), make_tokenizer())
    metrics = measure_model(model, run, collection, tmp_path, facts={"teacher": "none"})
    assert json.loads((tmp_path / "metrics.json").read_text()) == metrics
    written = read_run(tmp_path / "run.trec.gz")
    again = evaluate(collection.judgments_of(run), written, ["nDCG@10", "RR@10"])
    assert {name: metrics[name] for name in again} == pytest.approx(again)
    assert metrics["parameters"] == sum(weight.numel() for weight in model.model.parameters())
    assert metrics["pairs_per_second"] > 0
    assert metrics["queries"] == run.n_queries
    assert metrics["teacher"] == "none"


def test_irrelevant_unjudged_candidates_make_pairs_for_pnr(
    collection: Collection, run: Candidates, tmp_path: Path
) -> None:
    model = CrossEncoder(make_model(), make_tokenizer())
    metrics = measure_model(model, run, collection, tmp_path, measures=["PNR", "nDCG@10"])
    scored = run.join(read_run(tmp_path / "run.trec.gz"), "score")
    concordant = discordant = 0
    for query, labels in zip(scored.queries(), with_labels(run, collection).queries(), strict=True):
        scores, grades = query.columns["score"], labels.columns["label"]
        higher = grades[:, None] > grades[None, :]
        concordant += int((higher & (scores[:, None] > scores[None, :])).sum())
        discordant += int((higher & (scores[:, None] < scores[None, :])).sum())
    assert metrics["PNR"] == pytest.approx(concordant / discordant)
    assert np.isnan(measure_model(model, run, collection, tmp_path, measures=["PNR"], unjudged="missing")["PNR"])
