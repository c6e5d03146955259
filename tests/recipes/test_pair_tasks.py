"""Tasks of scored pairs, end to end by the commands: trained, measured, scored."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml
from pair_tasks import write_glue
from tiny import make_model, make_tokenizer

from rankdistill.cli.entry import main
from rankdistill.data import read_run
from rankdistill.models import CrossEncoder

FAST = ["--max-length", 16, "--epochs", 25, "--learning-rate", 3e-3, "--lists-per-batch", 16]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    CrossEncoder(make_model(), make_tokenizer()).save(tmp_path / "base")
    return tmp_path / "base"


@pytest.mark.parametrize(
    ("name", "measure", "form"),
    [("sst2", "accuracy", "classes"), ("rte", "accuracy", "classes"), ("stsb", "pearson", "sigmoid")],
)
def test_finetune_learns_a_task_of_glue(tmp_path: Path, base: Path, name: str, measure: str, form: str) -> None:
    source, out = f"glue:{name}@{write_glue(tmp_path / 'glue')}", tmp_path / "out"
    words = ["finetune", "--collection", source, "--base", base, "--out", out, *FAST]
    assert main([str(word) for word in words]) == 0
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics[measure] > 0.9
    assert metrics["queries"] == 20
    model = CrossEncoder.from_pretrained(out / "model")
    assert model.contract.form == form
    assert model.n_texts == (1 if name == "sst2" else 2)
    run = read_run(out / "run.trec.gz")
    assert len(run) == 20


def test_defaults_of_a_task_hold_unless_others_are_given(tmp_path: Path, base: Path) -> None:
    source = f"glue:rte@{write_glue(tmp_path / 'glue')}"
    words = ["finetune", "--collection", source, "--base", str(base), "--max-length", "16", "--max-steps", "1"]
    assert main([*words, "--epochs", "2", "--out", str(tmp_path / "out")]) == 0
    config = yaml.safe_load((tmp_path / "out" / "config.yaml").read_text())
    assert (config["epochs"], config["learning_rate"], config["lists_per_batch"]) == (2, 2e-5, 64)
    assert config["objective"] == "cross_entropy(label)"


def test_score_writes_the_labels_of_hidden_pairs(tmp_path: Path, base: Path) -> None:
    source, out = f"glue:sst2@{write_glue(tmp_path / 'glue')}", tmp_path / "out"
    words = ["finetune", "--collection", source, "--base", base, "--out", out, *FAST, "--test-split", "dev"]
    assert main([str(word) for word in words]) == 0
    model = CrossEncoder.from_pretrained(out / "model")
    assert np.array_equal(model.predict(["the cat is list", "the dog is list"]), [1, 0])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--start", "cosine"], "a start from the cosine is for rankings, glue:rte is a classification: start plain"),
        (["--measures", "nDCG@10"], "unknown measure of scored pairs 'nDCG@10'"),
        (["--objective", "hinge(label)"], "no query to train on: each needs at least two candidates"),
        (["--test-split", "absent"], "unknown split of glue:rte 'absent'"),
    ],
)
def test_what_does_not_suit_a_task_is_refused(
    tmp_path: Path, base: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    source = f"glue:rte@{write_glue(tmp_path / 'glue')}"
    words = [
        "finetune",
        "--collection",
        source,
        "--base",
        str(base),
        "--max-length",
        "16",
        "--out",
        str(tmp_path / "o"),
    ]
    assert main([*words, "--max-steps", "1", *options]) in (1, 2)
    assert said in capsys.readouterr().err
