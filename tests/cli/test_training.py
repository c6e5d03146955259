"""finetune, distill and demo, end to end on a folder of files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from rankdistill.cli.app import build_app
from rankdistill.data import read_run, write_run
from rankdistill.models import CrossEncoder

TRAINING = ["--list-size", 4, "--lists-per-batch", 4, "--max-steps", 6, "--learning-rate", 1e-3, "--max-length", 32]
NOT_WRITTEN = {"out", "config", "json"}


@pytest.fixture
def words(files) -> dict[str, list[object]]:
    """A short training by each command, most options at other values than their defaults."""
    shared = ["--collection", files.collection, "--run", files.bm25, *TRAINING, "--seed", 3, "--imitation-epochs", 2]
    shared += ["--start", "plain", "--layers", 0, 2, "--measures", "PNR", "RR@5", "--ties", "docid-asc"]
    shared += ["--scoring.batch-tokens", 512, "--weight-decay", 0.1, "--dev-split", "test", "--test-split", "dev"]
    base, teachers = files.model.parent / "base", ["--teachers", files.model, files.other]
    return {
        "finetune": ["finetune", *shared, "--base", base, "--share", 0.5, "--eval-steps", 3],
        "distill": ["distill", *shared, "--student", base, *teachers, "--method", "pile", "--normalize", "zscore"],
    }


def options_of(command: str) -> set[str]:
    """The names of a command's options, as a YAML file has them."""
    arguments = build_app(command)[command].assemble_argument_collection()
    leaves = [argument for argument in arguments if not argument.children]
    return {argument.name.removeprefix("--").replace("-", "_") for argument in leaves}


@pytest.mark.parametrize("command", ["finetune", "distill"])
def test_config_of_a_run_holds_every_option_and_repeats_its_model(run, words, tmp_path: Path, command: str) -> None:
    first, again = tmp_path / "first", tmp_path / "again"
    outcome = run(*words[command], "--out", first)
    assert outcome.code == 0, outcome.err
    config = yaml.safe_load((first / "config.yaml").read_text())
    assert set(config) == options_of(command) - NOT_WRITTEN
    assert config["measures"] == ["PNR", "RR@5"]
    assert config["scoring.batch_tokens"] == 512

    outcome = run(command, "--config", first / "config.yaml", "--out", again)
    assert outcome.code == 0, outcome.err
    models = [CrossEncoder.from_pretrained(folder / "model") for folder in (first, again)]
    assert models[0].fingerprint() == models[1].fingerprint()
    assert yaml.safe_load((again / "config.yaml").read_text()) == config
    metrics = [json.loads((folder / "metrics.json").read_text()) for folder in (first, again)]
    assert metrics[0]["PNR"] == metrics[1]["PNR"]
    assert models[0].model.config.num_hidden_layers == 2
    assert not (first / "start").exists()


@pytest.mark.parametrize("command", ["finetune", "distill"])
def test_metrics_are_those_of_rerank_and_leaderboard(run, files, words, tmp_path: Path, command: str) -> None:
    out = tmp_path / "trained"
    outcome = run(*words[command], "--unjudged", "auto", "--out", out, "--json")
    assert outcome.code == 0, outcome.err
    metrics = json.loads(outcome.out)
    assert metrics == json.loads((out / "metrics.json").read_text())
    if command == "distill":
        assert "PILE" in outcome.err

    held_out = set(files.loaded.split("dev"))  # in `words` what is held out
    everything = read_run(files.bm25)
    everything = everything.take_queries([q for q in everything.query_ids.to_pylist() if q in held_out])
    write_run(everything, tmp_path / "held_out.trec", by="score")
    rerank = ["rerank", "--model", out / "model", "--collection", files.collection, "--batch-tokens", 512]
    assert run(*rerank, "--run", tmp_path / "held_out.trec", "--out", tmp_path / "runs" / "again.trec").code == 0
    again, measured = read_run(tmp_path / "runs" / "again.trec"), read_run(out / "run.trec.gz")
    assert again.query_ids.equals(measured.query_ids)
    assert again.doc_ids.equals(measured.doc_ids)
    np.testing.assert_array_equal(again["score"], measured["score"])

    board = run("leaderboard", tmp_path / "runs", "--qrels", files.qrels, "--measures", "PNR", "--json")
    [row] = json.loads(board.out)
    assert metrics["PNR"] > 0
    assert row["PNR"] == metrics["PNR"]


@pytest.mark.parametrize("imitates", [True, False])
def test_imitation_of_all_layers_can_be_refused(run, words, tmp_path: Path, monkeypatch, imitates: bool) -> None:
    monkeypatch.setattr("rankdistill.progress.SECONDS_BEFORE_BAR", 0)
    outcome = run(*words["finetune"], f"--imitate={str(imitates).lower()}", "--out", tmp_path / "out")
    assert outcome.code == 0, outcome.err
    assert ("imitating" in outcome.err) == imitates
    assert CrossEncoder.from_pretrained(tmp_path / "out" / "model").model.config.num_hidden_layers == 2


def test_a_start_from_the_cosine_can_be_asked_for(run, files, tmp_path: Path) -> None:
    words = ["finetune", "--collection", files.collection, "--run", files.bm25, *TRAINING, "--start", "cosine"]
    outcome = run(*words, "--base", files.model.parent / "base", "--layers", 0, 3, "--out", tmp_path / "cosine")
    assert outcome.code == 0, outcome.err
    assert CrossEncoder.from_pretrained(tmp_path / "cosine" / "model").model.config.num_hidden_layers == 3


@pytest.mark.slow
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
    printed = outcome.err.replace("\n", "")
    assert f"--model {out}/student-pile/model" in printed
    [command] = [line.split()[1:] for line in outcome.err.splitlines() if line.strip().startswith("rankdistill leader")]
    board = json.loads(run(*command, "--json").out)
    measured = {row["system"]: row["nDCG@10"] for row in json.loads((out / "leaderboard.json").read_text())}
    assert {row["system"]: row["nDCG@10"] for row in board} == pytest.approx(measured)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--measures", "nDCX@10"], "unknown measure 'nDCX'"),
        (["--objective", "hinge(lable)"], "'lable'; did you mean 'label'"),
        (["--lr-scheduler-type", "foo"], "lr-scheduler-type"),
        (["--max-steps", 0], "max_steps must be at least 1"),
        (["--share", 0], "share"),
        (["--epochs", 2.5], "--epochs takes a whole number, got '2.5'"),
        (["--layers", 0, "1.2"], "--layers takes a whole number, got '1.2'"),
        (["--seed", -1], "seed must be at least 0"),
        (["--learning-rate", "nan"], "learning_rate must be above 0, got nan"),
        (["--learning-rate", "1e400"], "learning_rate must be at most 1, got inf"),
        (["--objective", 'hinge(label, margin="x")'], "margin of hinge must be a number from 0"),
        (["--objective", "hinge(label)" + "+hinge(label)" * 3000], "an objective of 39,012 characters"),
        (["--max-length", -3], "max_length must be at least 8"),
        (["--imitation-epochs", 0], "imitation_epochs must be at least 1"),
        (["--scoring.dtype", "float8"], "scoring.dtype"),
        (["--unjudged", "irrelevnt"], "unjudged"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_mistakes_in_options_are_found_before_any_work(run, files, tmp_path: Path, options, message: str) -> None:
    words = ["--collection", files.collection, "--run", files.bm25, "--out", tmp_path / "x"]
    outcome = run("finetune", *words, "--base", files.model.parent / "base", *options)
    assert outcome.code == 2, outcome.err
    assert message in outcome.err
    assert "starting" not in outcome.err


def test_checkpoints_cannot_be_chosen_without_dev_queries(run, files, tmp_path: Path) -> None:
    trained_on = set(files.loaded.split("train"))
    everything = read_run(files.bm25)
    train = everything.take_queries([q for q in everything.query_ids.to_pylist() if q in trained_on])
    write_run(train, tmp_path / "train.trec", by="score")
    words = ["--collection", files.collection, "--run", tmp_path / "train.trec", "--out", tmp_path / "x"]
    outcome = run("finetune", *words, "--base", files.model.parent / "base", "--eval-steps", 2)
    assert outcome.code == 1
    assert "queries of the run is in split 'dev'" in outcome.err
    assert "starting" not in outcome.err


def test_missing_teacher_run_is_found_before_any_work(run, files, tmp_path: Path) -> None:
    words = ["--collection", files.collection, "--run", files.bm25, "--out", tmp_path / "x"]
    outcome = run("distill", *words, "--teachers", "nosuch.trec", "--student", files.model.parent / "base")
    assert outcome.code == 1
    assert "there is no run file nosuch.trec" in outcome.err


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


def test_rank_distillm_is_two_stages_by_one_command(run, files, tmp_path: Path) -> None:
    words = ["distill", "--collection", files.collection, "--run", files.bm25, "--teachers", files.model]
    words += ["--student", files.model, "--layers", 0, 3, "--max-length", 32, "--max-steps", 2]
    words += ["--recipe", "rank-distillm", "--first-list-size", 4, "--out", tmp_path / "out"]
    outcome = run(*words)
    assert outcome.code == 0, outcome.err
    assert "infonce(label), then ranknet_order(target)" in outcome.err
    said = yaml.safe_load((tmp_path / "out" / "config.yaml").read_text())
    expected = ("infonce(label)", 4, 0.125, "whole", 3, 4)
    names = ("first_objective", "first_list_size", "first_relevant_share", "draw", "epochs", "lists_per_batch")
    assert tuple(said[name] for name in names) == expected
    first, last = (CrossEncoder.from_pretrained(tmp_path / "out" / name / "model") for name in ("first", "."))
    assert first.fingerprint() != last.fingerprint()
    assert run(*words).code == 0
    assert CrossEncoder.from_pretrained(tmp_path / "out" / "model").fingerprint() == last.fingerprint()


def test_recipes_of_labels_are_finetunes_and_those_of_teachers_distills(run, files, tmp_path: Path) -> None:
    words = ["--collection", files.collection, "--run", files.bm25, "--out", tmp_path / "out", *TRAINING]
    outcome = run("finetune", *words, "--base", files.model, "--recipe", "infonce")
    assert outcome.code == 0, outcome.err
    said = yaml.safe_load((tmp_path / "out" / "config.yaml").read_text())
    assert (said["objective"], said["relevant_share"], said["list_size"]) == ("infonce(label)", 0.125, 4)
    outcome = run("finetune", *words, "--base", files.model, "--recipe", "pile")
    assert outcome.code == 2
    assert "recipe 'pile' learns from teachers: give it to rankdistill distill" in outcome.err
    outcome = run("distill", *words, "--teachers", files.model, "--recipe", "gbce")
    assert outcome.code == 2
    assert "recipe 'gbce' learns from labels alone: give it to rankdistill finetune" in outcome.err


def test_lists_that_are_drawn_by_no_known_column_are_refused_before_any_work(run, files, tmp_path: Path) -> None:
    words = ["--collection", files.collection, "--run", files.bm25, "--base", files.model, "--out", tmp_path / "out"]
    outcome = run("finetune", *words, "--draw", "hardest")
    assert outcome.code == 2
    assert "the objective fits none: name the column with draw_by, one of score" in outcome.err
    assert run("finetune", *words, "--draw", "hardest", "--draw-by", "score", *TRAINING).code == 0


@pytest.mark.slow
def test_an_option_given_its_default_wins_over_the_recipe_and_a_file_too(run, files, tmp_path: Path) -> None:
    words = ["distill", "--collection", files.collection, "--run", files.bm25, "--teachers", files.model]
    words += ["--student", files.model, "--layers", 0, 3, "--max-length", 32, "--max-steps", 1]
    (tmp_path / "file.yaml").write_text("method: mean\nadam_beta2: 0.9\n")
    options = ["--recipe", "margin-mse", "--config", tmp_path / "file.yaml", "--method", "pile", "--list-size", 8]
    outcome = run(*words, *options, "--out", tmp_path / "said")
    assert outcome.code == 0, outcome.err
    said = yaml.safe_load((tmp_path / "said" / "config.yaml").read_text())
    assert (said["method"], said["list_size"], said["adam_beta2"], said["lists_per_batch"]) == ("pile", 8, 0.9, 16)
    assert said["objective"] == "margin_mse(target, label)"
    assert run("distill", "--config", tmp_path / "said" / "config.yaml", "--out", tmp_path / "again").code == 0
    assert yaml.safe_load((tmp_path / "again" / "config.yaml").read_text()) == said
