"""augment, distill on its parts, and case of a task's words, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pair_tasks import write_glue
from tiny import judged_collection, make_model, make_tokenizer, write_collection

from rankdistill.data import write_run
from rankdistill.data.sources import load_collection
from rankdistill.models import CrossEncoder, ScoreContract
from rankdistill.models.labels import labels_of, name_logits
from rankdistill.retrieval.bm25 import bm25


@pytest.fixture
def glue(tmp_path: Path) -> str:
    return f"glue:sst2@{write_glue(tmp_path / 'glue')}"


@pytest.fixture
def teacher(tmp_path: Path) -> Path:
    model = make_model("bert", num_labels=2)
    name_logits(model.config, ["negative", "positive"])
    return CrossEncoder(model, make_tokenizer(), ScoreContract("classes", n_classes=2), max_length=64, n_texts=1).save(
        tmp_path / "teacher"
    )


def test_a_student_learns_from_variations_that_the_teacher_labels(run, glue, teacher, tmp_path):
    parts, out = tmp_path / "parts", tmp_path / "out"
    made = run("augment", "--task", glue, "--out", parts, "--tagger", "forms", "--processes", 1, "--json")
    counts = json.loads(made.out)
    assert made.code == 0
    words = ["distill", "--collection", glue, "--teachers", teacher, "--student", teacher, "--unlabelled", parts]
    done = run(*words, "--epochs", 1, "--max-length", 64, "--out", out)
    assert done.code == 0, done.err
    assert f"{counts['kept']:,} unlabelled candidates beside 60 of the task" in done.err
    assert f"{60 + counts['kept']:,} candidates" in (out / "model" / "README.md").read_text()
    assert json.loads((out / "metrics.json").read_text())["queries"] == 20


@pytest.mark.parametrize("student", ["bilstm", "teacher"])
def test_a_student_learns_from_variations_alone_with_the_teachers_head(run, glue, teacher, tmp_path, student):
    run("augment", "--task", glue, "--out", tmp_path / "parts", "--tagger", "forms", "--processes", 1, "--n-iter", 2)
    student = teacher if student == "teacher" else student
    words = ["distill", "--collection", f"pairs:{tmp_path / 'parts'}", "--teachers", teacher, "--student", student]
    done = run(*words, "--epochs", 1, "--max-length", 32, "--out", tmp_path / "out")
    assert done.code == 0, done.err
    assert "nothing is measured: the collection has no judgments" in done.err
    made = CrossEncoder.from_pretrained(tmp_path / "out" / "model")
    assert (made.contract, made.n_texts) == (ScoreContract("classes", n_classes=2), 1)
    assert labels_of(made.model.config) == ["negative", "positive"]


def test_a_split_without_labels_is_learned_from_and_needs_none(run, glue, teacher, tmp_path):
    words = ["distill", "--collection", glue, "--train-split", "test", "--teachers", teacher, "--student", "bilstm"]
    words += ["--epochs", 1, "--max-length", 32]
    assert run(*words, "--out", tmp_path / "out").code == 0
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["queries"] == 20
    done = run(*words, "--test-split", "test", "--out", tmp_path / "unmeasured")
    assert (done.code, "no held-out pair has a label" in done.err) == (0, True)
    needs = run(*words, "--objective", "logit_mse(target) + cross_entropy(label)", "--out", tmp_path / "needs")
    assert needs.code == 1
    assert "cross_entropy(label) reads labels" in needs.err
    assert "of teachers alone a student learns by kl(target)" in needs.err


def test_a_task_without_labels_is_learned_from(run, teacher, tmp_path):
    (tmp_path / "train.tsv").write_text("text\na cat is list\nthe dog of list\nfirst cat to list\n")
    (tmp_path / "dev.tsv").write_text("text\na dog is list\n")
    (tmp_path / "task.yaml").write_text(
        "kind: classification\ntexts: [text]\nlabel: y\nclasses: [negative, positive]\n"
    )
    words = ["distill", "--collection", f"task:{tmp_path}", "--teachers", teacher, "--student", "bilstm", "--epochs", 1]
    done = run(*words, "--max-length", 32, "--out", tmp_path / "out")
    assert (done.code, "nothing is measured" in done.err) == (0, True), done.err
    told = run(*words, "--max-length", 32, "--eval-steps", 1, "--out", tmp_path / "watched")
    assert (told.code, "the collection has no judgments, by which eval_steps=1" in told.err) == (2, True)


def test_rankings_without_labels_are_learned_from_where_nothing_reads_labels(run, tmp_path):
    collection = judged_collection(20)
    folder = write_collection(collection, tmp_path / "collection")
    (folder / "qrels.txt").unlink()
    write_run(bm25(collection, k=6), tmp_path / "bm25.trec", "bm25")
    ranker = CrossEncoder(make_model("bert"), make_tokenizer()).save(tmp_path / "ranker")
    words = ["distill", "--collection", folder, "--run", tmp_path / "bm25.trec", "--teachers", ranker]
    words += ["--student", ranker, "--epochs", 1, "--max-length", 32, "--objective", "pairwise_mse(target)"]
    assert run(*words, "--method", "mean", "--out", tmp_path / "out").code == 0
    told = run(*words, "--method", "pile", "--out", tmp_path / "pile")
    assert (told.code, "the method pile reads labels" in told.err) == (1, True)


def test_a_rankers_scores_of_pairs_are_learned(run, glue, tmp_path):
    run("augment", "--task", glue, "--out", tmp_path / "parts", "--tagger", "forms", "--processes", 1, "--n-iter", 2)
    ranker = CrossEncoder(make_model("bert"), make_tokenizer()).save(tmp_path / "ranker")
    words = ["distill", "--collection", f"pairs:{tmp_path / 'parts'}", "--teachers", ranker, "--student", "bilstm"]
    assert run(*words, "--epochs", 1, "--max-length", 32, "--out", tmp_path / "out").code == 0


def test_what_augment_cannot_do_is_an_error(run, glue, tmp_path):
    assert run("augment", "--task", glue, "--out", tmp_path / "out", "--p-mask", 2).code == 2
    told = run("augment", "--task", glue, "--out", tmp_path / "out", "--p-context", 0.4)
    assert (told.code, "p_context and base belong together" in told.err) == (2, True)


def test_case_masks_each_word_of_a_tasks_text(run, glue, teacher):
    text = load_collection(glue).queries["dev-1"]
    words = ["case", "dev-1", "--collection", glue, "--models", teacher]
    found = json.loads(run(*words, "--json").out)
    assert [row["masked"] for row in found["rows"]] == [None, *text.split()]
    each = found["rows"][1]["models"][str(teacher)]
    assert abs(sum(each["probabilities"].values()) - 1) < 1e-6
    assert "is least sure without" in run(*words).out
    assert run("case", "nowhere", *words[2:]).code == 1
    assert run(*words[:4]).code == 2
    assert run("case", "q3").code == 2
