"""augment, distill on its parts, and case of a task's words, through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pair_tasks import write_glue
from tiny import make_model, make_tokenizer

from rankdistill.data.sources import load_collection
from rankdistill.models import CrossEncoder, ScoreContract
from rankdistill.models.labels import name_logits


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
