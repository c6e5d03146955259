"""Tasks of scored pairs, end to end by the commands: trained, measured, scored."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from pair_tasks import write_glue
from tiny import judged_collection, make_model, make_tokenizer, write_collection

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


@pytest.mark.parametrize(("word", "unseen"), [("not_entailment", "entailment"), ("entailment", "not_entailment")])
def test_a_class_that_is_on_no_pair_to_train_on_is_refused(
    tmp_path: Path, base: Path, capsys: pytest.CaptureFixture[str], word: str, unseen: str
) -> None:
    folder = write_glue(tmp_path / "glue")
    lines = (folder / "RTE" / "train.tsv").read_text().splitlines(keepends=True)
    (folder / "RTE" / "train.tsv").write_text(
        "".join(lines[:1] + [line for line in lines if line.endswith(f"\t{word}\n")])
    )
    words = ["finetune", "--collection", f"glue:rte@{folder}", "--base", str(base), "--max-length", "16"]
    assert main([*words, "--out", str(tmp_path / "o")]) == 1
    told = " ".join(capsys.readouterr().err.split())
    assert f"no pair of glue:rte to train on has the class {unseen!r} (labels: {word} " in told
    assert not (tmp_path / "o" / "model").exists()


@pytest.mark.parametrize("command", ["finetune", "distill", "rekindle"])
def test_a_package_that_measures_need_is_missed_before_the_training(
    tmp_path: Path, base: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    source, out = f"glue:rte@{write_glue(tmp_path / 'glue')}", tmp_path / "out"
    monkeypatch.setitem(sys.modules, "sklearn", None)
    words = {
        "finetune": ["--collection", source, "--base", base],
        "distill": ["--collection", source, "--student", base, "--teachers", base],
        "rekindle": ["--task", source, "--data", source, "--base", base],
    }[command]
    assert main([str(word) for word in (command, *words, "--out", out, *FAST)]) == 1
    assert "the measure accuracy needs an optional dependency: pip install 'rankdistill[glue]'" in " ".join(
        capsys.readouterr().err.split()
    )
    assert not list(out.rglob("*.safetensors"))


def test_a_similarity_is_trained_without_the_package_for_classes(
    tmp_path: Path, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = f"glue:stsb@{write_glue(tmp_path / 'glue')}"
    monkeypatch.setitem(sys.modules, "sklearn", None)
    words = ["finetune", "--collection", source, "--base", base, "--out", tmp_path / "out", *FAST, "--max-steps", 1]
    assert main([str(word) for word in words]) == 0


def test_checkpoints_of_mnli_are_chosen_on_the_pairs_that_are_measured_on(tmp_path: Path, base: Path) -> None:
    folder, out = tmp_path / "glue" / "MNLI", tmp_path / "out"
    folder.mkdir(parents=True)
    classes = ["entailment", "neutral", "contradiction"]
    rows = [f"the {word} is list\ta {word}\t{classes[row % 3]}" for row, word in enumerate(["cat", "dog", "long"] * 4)]
    for name in ("train", "dev_matched", "dev_mismatched"):
        (folder / f"{name}.tsv").write_text("\n".join(["sentence1\tsentence2\tgold_label", *rows, ""]))
    words = ["finetune", "--collection", f"glue:mnli@{tmp_path / 'glue'}", "--base", base, "--out", out, *FAST]
    assert main([str(word) for word in (*words, "--max-steps", 2, "--eval-steps", 1)]) == 0
    measured = [
        entry["eval_accuracy"] for entry in json.loads((out / "log.json").read_text()) if "eval_accuracy" in entry
    ]
    assert len(measured) == 2
    assert json.loads((out / "metrics.json").read_text())["accuracy"] == max(measured)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with GLUE's files, a base, and two models of RTE in runs/: one that learned, and one that did not."""
    folder = tmp_path_factory.mktemp("pairs")
    CrossEncoder(make_model(), make_tokenizer()).save(folder / "base")
    source = f"glue:rte@{write_glue(folder / 'glue')}"
    words = ["finetune", "--collection", source, "--base", folder / "base", *FAST]
    assert main([str(word) for word in (*words, "--out", folder / "runs" / "good")]) == 0
    assert main([str(word) for word in (*words, "--out", folder / "runs" / "poor", "--max-steps", 1)]) == 0
    return folder


def test_evaluate_measures_the_labels_of_a_run(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = str(trained / "runs" / "good" / "run.trec.gz")
    words = ["evaluate", "--collection", f"glue:rte@{trained / 'glue'}", "--runs", run, "--json"]
    assert main(words) == 0
    values = json.loads(capsys.readouterr().out)[run]
    metrics = json.loads((trained / "runs" / "good" / "metrics.json").read_text())
    assert values == {"accuracy": metrics["accuracy"]}
    assert main([*words, "--measures", "f1", "matthews"]) == 0
    assert set(json.loads(capsys.readouterr().out)[run]) == {"f1", "matthews"}


@pytest.mark.parametrize("command", ["evaluate", "leaderboard"])
@pytest.mark.parametrize("value", ["0.13", "7"])
def test_a_run_of_probabilities_or_logits_is_refused(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str, value: str
) -> None:
    (tmp_path / "p.trec").write_text("".join(f"dev-{row} Q0 dev-{row} 1 {value} p\n" for row in range(20)))
    given = ["--runs", str(tmp_path / "p.trec")] if command == "evaluate" else [str(tmp_path)]
    assert main([command, *given, "--collection", f"glue:rte@{trained / 'glue'}"]) == 1
    told = " ".join(capsys.readouterr().err.split())
    assert f"the run holds {value} for query 'dev-0', document 'dev-0', expected the number of a class, 0 to 1" in told


@pytest.mark.parametrize("test", [pytest.param("bootstrap", marks=pytest.mark.slow), "mcnemar"])
def test_leaderboard_compares_models_of_a_task(
    trained: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path, test: str
) -> None:
    words = ["leaderboard", str(trained / "runs"), "--collection", f"glue:rte@{trained / 'glue'}"]
    words += ["--baseline", "poor", "--test", test]
    assert main([*words, "--json"]) == 0
    best, worst = json.loads(capsys.readouterr().out)
    assert (best["system"], worst["system"]) == ("good", "poor")
    assert best["accuracy"] > worst["accuracy"]
    assert best["p(accuracy)"] < 0.05
    assert worst["p(accuracy)"] is None
    assert main([*words, "--export", str(tmp_path / "table.md")]) == 0
    assert "20 pairs; the best value of each measure is bold" in (tmp_path / "table.md").read_text()
    assert main([*words, "--html", str(tmp_path / "page")]) == 0
    page = (tmp_path / "page" / "index.html").read_text()
    assert {"bootstrap": "paired bootstrap, 1,000 resamples", "mcnemar": "McNemar's exact test"}[test] in page
    assert '"unit":"pair"' in page


def test_score_writes_labels_as_glue_takes_them(trained: Path, tmp_path: Path) -> None:
    (trained / "glue" / "RTE" / "test.tsv").write_text("index\tsentence1\tsentence2\n0\tcat\tcat\n1\tcat\tdog\n")
    words = ["score", "--model", trained / "runs" / "good" / "model", "--collection", f"glue:rte@{trained / 'glue'}"]
    words += ["--split", "test", "--out", tmp_path / "rte.trec", "--predict", tmp_path / "RTE.tsv"]
    assert main([str(word) for word in words]) == 0
    lines = (tmp_path / "RTE.tsv").read_text().splitlines()
    assert lines[0] == "index\tprediction"
    labels = [line.split("\t")[1] for line in lines[1:]]
    classes = [["entailment", "not_entailment"][int(label)] for label in read_run(tmp_path / "rte.trec")["score"]]
    assert labels == classes
    run = tmp_path / "some.trec"
    run.write_text("test-1 Q0 test-1 1 1.0 x\ntrain-3 Q0 train-3 1 1.0 x\n")
    words = [*words, "--run", run]
    words[words.index(tmp_path / "RTE.tsv")] = tmp_path / "part.tsv"
    assert main([str(word) for word in words]) == 0
    assert (tmp_path / "part.tsv").read_text().splitlines() == [lines[0], lines[2]]
    (trained / "glue" / "RTE" / "test.tsv").unlink()


def test_score_refuses_labels_of_several_splits_before_it_scores(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["score", "--model", tmp_path / "absent", "--collection", f"glue:rte@{trained / 'glue'}"]
    words += ["--out", tmp_path / "rte.trec", "--predict", tmp_path / "RTE.tsv"]
    assert main([str(word) for word in words]) == 2
    assert "labels are written for one split" in capsys.readouterr().err


def distil(trained: Path, out: Path, *more: object) -> int:
    words = ["distill", "--collection", f"glue:rte@{trained / 'glue'}", "--student", trained / "base", *FAST]
    return main([str(word) for word in (*words, "--out", out, *more)])


def test_distill_takes_the_mean_of_classifiers_logits(trained: Path, tmp_path: Path) -> None:
    teachers = [trained / "runs" / name / "model" for name in ("good", "poor")]
    assert distil(trained, tmp_path / "one", "--teachers", teachers[0]) == 0
    metrics = json.loads((tmp_path / "one" / "metrics.json").read_text())
    assert metrics["accuracy"] > 0.9
    config = yaml.safe_load((tmp_path / "one" / "config.yaml").read_text())
    assert (config["objective"], config["method"]) == ("kl(target)", "mean")
    assert distil(trained, tmp_path / "two", "--teachers", *teachers, "--objective", "kl(t1) + 0.5*logit_mse(t2)") == 0


@pytest.mark.parametrize(
    ("teacher", "said"),
    [
        ("runs/good/run.trec.gz", "is a run of labels, and a classification is distilled from models' logits"),
        ("base", "has no classes, and glue:rte has the classes entailment, not_entailment"),
    ],
)
def test_teachers_that_do_not_suit_a_classification_are_refused(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], teacher: str, said: str
) -> None:
    assert distil(trained, tmp_path / "out", "--teachers", trained / teacher) in (1, 2)
    assert said in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sst2", "has the classes entailment, not_entailment, and glue:sst2 has the classes negative, positive"),
        ("stsb", "is a classifier (entailment, not_entailment), and glue:stsb asks for numbers from 0 to 5"),
        ("ranking", "is a classifier (entailment, not_entailment), and ranking asks for scores to rank by"),
    ],
)
def test_a_classifier_of_other_classes_scores_nothing(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    source, more = f"glue:{name}@{trained / 'glue'}", []
    if name == "ranking":
        source = str(write_collection(judged_collection(4, 6), tmp_path / "ranking"))
        (tmp_path / "run.trec").write_text("q0 Q0 d0 1 2 x\nq0 Q0 d1 2 1 x\n")
        more = ["--run", tmp_path / "run.trec"]
    words = ["score", "--model", trained / "runs" / "good" / "model", "--collection", source, *more]
    assert main([str(word) for word in (*words, "--out", tmp_path / "out.trec")]) == 1
    assert said in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out.trec").exists()


def test_a_model_without_classes_scores_no_classification(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["score", "--model", trained / "base", "--collection", f"glue:rte@{trained / 'glue'}"]
    assert main([str(word) for word in (*words, "--out", tmp_path / "out.trec")]) == 1
    assert "base has no classes, and glue:rte has the classes" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("evaluate --collection {glue} --split train --runs {run}", "lacks 60 of the 60 pairs of glue:rte"),
        ("evaluate --collection {glue} --runs {run} --measures nDCG@10", "unknown measure of scored pairs 'nDCG@10'"),
        ("leaderboard {runs} --collection {glue} --test t", "unknown significance test of scored pairs 't'"),
        ("leaderboard {runs} --collection {glue} --baseline none", "unknown system 'none'"),
        ("score --model {model} --collection {glue} --split none --out {runs}/x.trec", "unknown split of glue:rte"),
    ],
)
def test_mistakes_with_runs_of_a_task_are_told(
    trained: Path, capsys: pytest.CaptureFixture[str], words: str, said: str
) -> None:
    good = trained / "runs" / "good"
    places = {"glue": f"glue:rte@{trained / 'glue'}", "runs": trained / "runs"}
    line = words.format(run=good / "run.trec.gz", model=good / "model", **places)
    assert main(line.split()) in (1, 2)
    assert said in " ".join(capsys.readouterr().err.split())
