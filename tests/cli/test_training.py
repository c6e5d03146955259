"""finetune, distill and demo, end to end on a folder of files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from rankdistill.data import read_run
from rankdistill.models import CrossEncoder

TRAINING = ["--list-size", 4, "--lists-per-batch", 4, "--max-steps", 6, "--learning-rate", 1e-3, "--max-length", 32]
PAIRS = [("a cat", "the cat sort"), ("first book", "the dog wrote a book")]


@pytest.mark.parametrize("command", ["finetune", "distill"])
def test_a_trained_folder_holds_everything_and_its_config_repeats_it(run, files, tmp_path: Path, command: str) -> None:
    out = tmp_path / "first"
    words = [command, "--collection", files.collection, "--run", files.bm25, *TRAINING]
    base = files.model.parent / "base"
    if command == "distill":
        words += ["--teachers", files.model, files.other, "--method", "pile", "--normalize", "zscore"]
        words += ["--student", base, "--layers", 0, 2]
    else:
        words += ["--base", base, "--eval-steps", 3]
    outcome = run(*words, "--out", out)
    assert outcome.code == 0, outcome.err
    metrics = json.loads((out / "metrics.json").read_text())
    assert {"nDCG@10", "RR@10", "PNR", "parameters", "pairs_per_second"} <= set(metrics)
    assert read_run(out / "run.trec.gz").n_queries == metrics["queries"]
    assert str(out / "model") in outcome.err.replace("\n", "")

    again = tmp_path / "again"
    outcome = run(command, "--config", out / "config.yaml", "--out", again)
    assert outcome.code == 0, outcome.err
    first, second = (CrossEncoder.from_pretrained(folder / "model") for folder in (out, again))
    np.testing.assert_array_equal(first.predict(PAIRS), second.predict(PAIRS))
    assert yaml.safe_load((out / "config.yaml").read_text()) == yaml.safe_load((again / "config.yaml").read_text())
    if command == "distill":
        assert first.model.config.num_hidden_layers == 2
        assert "PILE" in outcome.err
        assert not (out / "start").exists()


def test_a_start_from_the_cosine_can_be_asked_for(run, files, tmp_path: Path) -> None:
    words = ["finetune", "--collection", files.collection, "--run", files.bm25, *TRAINING, "--start", "cosine"]
    outcome = run(*words, "--base", files.model.parent / "base", "--layers", 0, 3, "--out", tmp_path / "cosine")
    assert outcome.code == 0, outcome.err
    assert CrossEncoder.from_pretrained(tmp_path / "cosine" / "model").model.config.num_hidden_layers == 3


def test_demo_ends_with_a_leaderboard_and_says_how_to_search(run, files, tmp_path: Path) -> None:
    small = ["--teacher-queries", 12, "--student-queries", 12, "--dev-queries", 4, "--test-queries", 8]
    small += ["--list-size", 4, "--depth", 6, "--max-length", 32, "--student-layers", 0]
    out = tmp_path / "demo"
    words = ["demo", "--collection", files.collection, "--base", files.model.parent / "base", "--out", out, *small]
    outcome = run(*words)
    assert outcome.code == 0, outcome.err
    for system in ("bm25", "teacher1", "teacher2", "teacher3", "student-base", "student-pile"):
        assert system in outcome.out
        assert (out / system / "run.trec.gz").is_file()
    told = outcome.err.replace("\n", "")
    assert f"--model {out}/student-pile/model" in told
    [command] = [line.split()[1:] for line in outcome.err.splitlines() if line.strip().startswith("rankdistill leader")]
    board = json.loads(run(*command, "--json").out)
    measured = {row["system"]: row["nDCG@10"] for row in json.loads((out / "leaderboard.json").read_text())}
    assert {row["system"]: row["nDCG@10"] for row in board} == pytest.approx(measured)


def test_mistakes_are_found_before_any_work(run, files, tmp_path: Path) -> None:
    words = ["--collection", files.collection, "--run", files.bm25, "--out", tmp_path / "x"]
    base = ["--base", files.model.parent / "base"]
    for options, code, says in (
        (["--measures", "nDCX@10"], 2, "unknown measure 'nDCX'"),
        (["--objective", "hinge(lable)"], 2, "'lable'; did you mean 'label'"),
        (["--lr-scheduler-type", "foo"], 2, "lr-scheduler-type"),
        (["--max-steps", 0], 2, "max_steps must be at least 1"),
        (["--share", 0], 2, "share"),
        (["--max-length", -3], 2, "max-length"),
    ):
        outcome = run("finetune", *words, *base, *options)
        assert outcome.code == code, outcome.err
        assert says in outcome.err
        assert "Traceback" not in outcome.err
        assert "starting" not in outcome.err
    outcome = run("distill", *words, "--teachers", "nosuch.trec", "--student", files.model.parent / "base")
    assert outcome.code == 1
    assert "there is no run file nosuch.trec" in outcome.err
    (tmp_path / "taken").write_text("a file")
    outcome = run("finetune", *words[:4], "--out", tmp_path / "taken", *base)
    assert outcome.code == 1
    assert "cannot write into the folder" in outcome.err


def test_the_config_of_a_run_repeats_its_splits_and_measures(run, files, tmp_path: Path) -> None:
    words = ["--collection", files.collection, "--run", files.bm25, "--base", files.model, "--test-split", "dev"]
    words += ["--measures", "RR@5", "--max-length", 32, "--max-steps", 1]
    assert run("finetune", *words, "--out", tmp_path / "one").code == 0
    assert run("finetune", "--config", tmp_path / "one" / "config.yaml", "--out", tmp_path / "two").code == 0
    one, two = (json.loads((tmp_path / name / "metrics.json").read_text()) for name in ("one", "two"))
    assert one["RR@5"] == two["RR@5"]
    assert next(iter(one)) == next(iter(two)) == "RR@5"


def test_distill_follows_a_recipe_that_options_override(run, files, tmp_path: Path) -> None:
    words = ["distill", "--collection", files.collection, "--run", files.bm25, "--teachers", files.model]
    words += ["--student", files.model, "--layers", 0, 3, "--max-length", 32, "--max-steps", 2, "--list-size", 4]
    outcome = run(*words, "--recipe", "pd-bert", "--out", tmp_path / "pd")
    assert outcome.code == 0, outcome.err
    assert CrossEncoder.from_pretrained(tmp_path / "pd" / "model").contract.n_logits == 2
    said = yaml.safe_load((tmp_path / "pd" / "config.yaml").read_text())
    assert (said["objective"], said["list_size"]) == ("hinge(label) + 2*soft_cross_entropy(teacher)", 4)
    outcome = run(*words, "--recipe", "ae-kd", "--out", tmp_path / "ae")
    assert outcome.code == 0, outcome.err
    said = yaml.safe_load((tmp_path / "ae" / "config.yaml").read_text())
    assert (said["method"], said["adam_beta2"], said["lists_per_batch"]) == ("mean", 0.99, 128)
    assert run(*words, "--recipe", "pd-brt", "--out", tmp_path / "x").code == 2


def test_an_option_given_its_default_wins_over_the_recipe_and_a_file_too(run, files, tmp_path: Path) -> None:
    words = ["distill", "--collection", files.collection, "--run", files.bm25, "--teachers", files.model]
    words += ["--student", files.model, "--layers", 0, 3, "--max-length", 32, "--max-steps", 1]
    (tmp_path / "file.yaml").write_text("method: mean\nadam_beta2: 0.9\n")
    options = ["--recipe", "margin-mse", "--config", tmp_path / "file.yaml", "--method", "pile", "--list-size", 8]
    outcome = run(*words, *options, "--out", tmp_path / "said")
    assert outcome.code == 0, outcome.err
    said = yaml.safe_load((tmp_path / "said" / "config.yaml").read_text())
    assert (said["method"], said["list_size"], said["adam_beta2"], said["lists_per_batch"]) == ("pile", 8, 0.9, 16)
    assert said["objective"] == "margin_mse({target}, label)"
    assert run("distill", "--config", tmp_path / "said" / "config.yaml", "--out", tmp_path / "again").code == 0
    assert yaml.safe_load((tmp_path / "again" / "config.yaml").read_text()) == said
