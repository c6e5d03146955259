"""A model's folder says what it reached: its metrics are those of the run that is written."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from tiny import make_model, make_tokenizer

from rankdistill.data import Candidates, Collection, read_run
from rankdistill.evaluation import Conventions, evaluate
from rankdistill.models import CrossEncoder
from rankdistill.recipes import measure_model
from rankdistill.scoring import score
from rankdistill.scoring.settings import ScoringSettings
from rankdistill.tasks import Task


@pytest.fixture
def model() -> CrossEncoder:
    return CrossEncoder(make_model(), make_tokenizer())


def test_metrics_are_those_of_the_run_that_is_written(
    collection: Collection, run: Candidates, model: CrossEncoder, tmp_path: Path
) -> None:
    task = Task(collection, run)
    metrics = measure_model(model, task, tmp_path, facts={"teacher": "none"})
    assert json.loads((tmp_path / "metrics.json").read_text()) == metrics
    written = read_run(tmp_path / "run.trec.gz")
    again = evaluate(task.judgments, written, ["nDCG@10", "RR@10", "PNR"])
    assert {name: metrics[name] for name in again} == again
    assert metrics["parameters"] == sum(weight.numel() for weight in model.model.parameters())
    assert metrics["pairs_per_second"] > 0
    assert metrics["queries"] == run.n_queries
    assert metrics["teacher"] == "none"


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_scores_are_in_the_precision_of_the_settings(
    collection: Collection, run: Candidates, model: CrossEncoder, tmp_path: Path, dtype: str
) -> None:
    scoring = ScoringSettings(dtype=dtype)  # type: ignore[arg-type]
    measure_model(model, Task(collection, run), tmp_path, scoring=scoring)
    written = run.join(read_run(tmp_path / "run.trec.gz"), "score")["score"]
    assert (written == score(model, run, collection, dtype=dtype)).all()
    default = score(model, run, collection)
    assert (written == default).all() == (dtype == "float32")


def test_undefined_values_are_null_in_the_file(
    collection: Collection, run: Candidates, model: CrossEncoder, tmp_path: Path
) -> None:
    task = Task(collection, run, measures=("PNR",), conventions=Conventions(unjudged="missing"))
    assert math.isnan(measure_model(model, task, tmp_path)["PNR"])
    assert json.loads((tmp_path / "metrics.json").read_text(), parse_constant=pytest.fail)["PNR"] is None
