"""A model is read as its task asks, by every verb: public classifiers by their labels, similarities by their range."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from public_models import PAIRS, RTE, classification, public, similarity

from rankdistill.cli.entry import main
from rankdistill.data.candidates import concatenate
from rankdistill.data.parts import parts_of, read_part
from rankdistill.errors import DataError
from rankdistill.models import CrossEncoder, ScoreContract, ready
from rankdistill.recipes.class_teachers import add_logits
from rankdistill.recipes.distill import Lesson, with_targets
from rankdistill.recipes.measure import measure_model
from rankdistill.recipes.teachers import teacher_beside
from rankdistill.scoring.score import load_scorer, score
from rankdistill.scoring.settings import ScoringSettings
from rankdistill.tasks import Task

SIGMOID = "torch.nn.modules.activation.Sigmoid"


def logits_of(folder: Path) -> np.ndarray:
    """What the head of a folder says, in its own order."""
    return CrossEncoder.from_pretrained(folder, as_classifier=True).logits(PAIRS)


@pytest.mark.parametrize(
    ("labels", "classes", "places"),
    [
        (("entailment", "not_entailment"), RTE, [0, 1]),
        (("NOT_ENTAILMENT", "ENTAILMENT"), RTE, [1, 0]),
        (("LABEL_0", "LABEL_1"), RTE, [0, 1]),
        (("contradiction", "entailment", "neutral"), ("entailment", "neutral", "contradiction"), [1, 2, 0]),
        (("b", "a"), ("a", "b"), [1, 0]),
    ],
)
def test_a_public_classifier_scores_distils_and_is_measured_by_its_labels(
    tmp_path: Path, labels: Sequence[str], classes: Sequence[str], places: list[int]
) -> None:
    folder, task = public(tmp_path / "model", labels), classification(*classes)
    logits = logits_of(folder)[:, places]
    expected = logits.argmax(axis=1)
    assert len(set(expected)) > 1
    np.testing.assert_array_equal(score(folder, task.candidates, task.collection), expected)
    model = CrossEncoder.from_pretrained(folder, as_classifier=True)
    np.testing.assert_array_equal(score(model, task.candidates, task.collection), expected)
    measured = measure_model(model, task, tmp_path / "measured")
    assert measured["accuracy"] == np.mean(expected == 0)
    taught = add_logits(task.candidates, task, {"t1": folder}, "target", ScoringSettings())
    given = np.stack([taught[f"target.{place}"] for place in range(len(places))], axis=1)
    np.testing.assert_allclose(given, logits, atol=1e-5)
    head = {"n_logits": len(classes), "labels": classes, "contract": ScoreContract("classes", n_classes=len(classes))}
    student = CrossEncoder.from_base(folder, **head)
    np.testing.assert_allclose(teacher_beside({"t1": folder}, student).logits(PAIRS), logits, atol=1e-5)


def test_a_two_logit_ranker_at_hand_is_read_by_its_labels_too(tmp_path: Path) -> None:
    folder, task = public(tmp_path / "model", RTE[::-1]), classification(*RTE)
    model = CrossEncoder.from_pretrained(folder)
    assert model.contract == ScoreContract("margin", relevant=1)
    expected = logits_of(folder)[:, ::-1].argmax(axis=1)
    np.testing.assert_array_equal(score(model, task.candidates, task.collection), expected)


def test_labels_that_only_count_are_told_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, task = public(tmp_path / "model", ["LABEL_0", "LABEL_1"]), classification(*RTE)
    for _ in range(2):
        score(folder, task.candidates, task.collection)
    said = capsys.readouterr().err
    assert said.count(f"{folder}: the names of its labels say nothing, and are taken by number for own") == 1
    assert "LABEL_0 is entailment, LABEL_1 is not_entailment" in said
    named = public(tmp_path / "named", RTE)
    score(named, task.candidates, task.collection)
    assert "by number" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["LABEL_0"], "has no classes, and own has the classes entailment, not_entailment: its head gives one score"),
        (["negative", "positive"], "has the classes negative, positive, and own has the classes entailment, not_ent"),
        (["entailment", "neutral", "contradiction"], "has the classes entailment, neutral, contradiction, and own"),
    ],
)
def test_a_model_of_other_classes_is_refused_by_their_names(tmp_path: Path, labels: list[str], said: str) -> None:
    folder, task = public(tmp_path / "model", labels), classification(*RTE)
    with pytest.raises(DataError, match=said):
        score(folder, task.candidates, task.collection)
    with pytest.raises(DataError, match=said):
        add_logits(task.candidates, task, {"t1": folder}, "target", ScoringSettings())


def similar(folder: Path, form: str, **contract: float) -> CrossEncoder:
    model = CrossEncoder.from_pretrained(public(folder, ["LABEL_0"]))
    return model.with_contract(ScoreContract(form, **contract))


@pytest.mark.parametrize(("lowest", "highest"), [(0.0, 5.0), (1.0, 5.0), (0.0, 1.0), (-2.0, 2.5)])
def test_a_probability_is_stretched_to_the_range_of_the_task(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lowest: float, highest: float
) -> None:
    task, logits = similarity(lowest, highest), logits_of(public(tmp_path / "public", ["x"]))[:, 0]
    expected = lowest + (highest - lowest) / (1 + np.exp(-logits.astype(np.float64)))
    assert np.ptp(expected) > 0.1 * (highest - lowest)
    own = similar(tmp_path / "own", "sigmoid").save(tmp_path / "saved")
    stated = [
        public(tmp_path / "st5", ["LABEL_0"], sentence_transformers={"activation_fn": SIGMOID}),
        public(tmp_path / "st3", ["LABEL_0"], sbert_ce_default_activation_function=SIGMOID),
    ]
    for model in (own, *stated):
        for _ in range(2):
            given = score(model, task.candidates, task.collection)
            np.testing.assert_allclose(given, expected, atol=1e-5)
        told = capsys.readouterr().err.count(f"{model} gives numbers from 0 to 1, and own asks for numbers from")
        assert told == (0 if (lowest, highest) == (0, 1) and model == own else 1)
        lesson = Lesson.of({"t1": model}, task.distillation)
        lists, _ = with_targets(task.candidates, task, replace_method(lesson), ScoringSettings())
        np.testing.assert_allclose(lists["target"], expected, atol=1e-5)


def replace_method(lesson: Lesson) -> Lesson:
    return replace(lesson, ensembling=replace(lesson.ensembling, method="mean"))


@pytest.mark.parametrize("scale", [4.0, 5.0])
def test_a_similarity_of_the_tasks_own_range_is_taken_as_it_is(tmp_path: Path, scale: float) -> None:
    model, task = similar(tmp_path / "m", "sigmoid", scale=scale, lowest=1.0), similarity(1.0, 1.0 + scale)
    np.testing.assert_array_equal(score(model, task.candidates, task.collection), model.predict(PAIRS))


@pytest.mark.parametrize(
    ("form", "contract", "said"),
    [
        ("logit", {}, "a score to rank by, which has no range, and own asks for numbers from 0 to 5.*activation_fn"),
        ("logit", {"scale": 5.0}, "a score to rank by, which has no range, and own asks for numbers from 0 to 5"),
        ("sigmoid", {"scale": 4.0, "lowest": 1.0}, "gives numbers from 1 to 5, and own asks for numbers from 0 to 5"),
        ("sigmoid", {"scale": 4.0}, "gives numbers from 0 to 4, and own asks for numbers from 0 to 5: give a model"),
    ],
)
def test_a_score_of_another_range_is_refused(tmp_path: Path, form: str, contract: dict[str, float], said: str) -> None:
    task, model = similarity(0.0, 5.0), similar(tmp_path / "m", form, **contract)
    folder = model.save(tmp_path / "saved")
    for each in (model, folder):
        with pytest.raises(DataError, match=said):
            score(each, task.candidates, task.collection)
        lesson = Lesson.of({"t1": each}, task.distillation)
        with pytest.raises(DataError, match=said):
            with_targets(task.candidates, task, replace_method(lesson), ScoringSettings())


def test_a_classifier_is_no_similarity(tmp_path: Path) -> None:
    task = similarity(0.0, 5.0)
    for labels in (RTE, ("entailment", "neutral", "contradiction")):
        folder = public(tmp_path / str(len(labels)), labels)
        with pytest.raises(DataError, match=r"is a classifier \(entailment.*\), and own asks for numbers from 0 to 5"):
            score(folder, task.candidates, task.collection)


def test_targets_that_no_student_reaches_are_told(tmp_path: Path) -> None:
    task, run = similarity(0.0, 5.0), tmp_path / "t.trec"
    run.write_text("".join(f"dev-{i} Q0 dev-{i} 1 {value} x\n" for i, value in enumerate((-2.7, 0, 5, 6))))
    lesson = replace_method(Lesson.of({"t1": run}, task.distillation))
    with pytest.warns(UserWarning, match="2 of 4 targets are outside the range of own, 0 to 5.*from -2.7 to 6"):
        with_targets(task.candidates, task, lesson, ScoringSettings())


def own_task(folder: Path) -> str:
    """Write a task of three classes over the pairs; return its source."""
    folder.mkdir()
    (folder / "task.yaml").write_text("kind: classification\ntexts: [a, b]\nlabel: y\nclasses: [no, maybe, yes]\n")
    for split in ("train", "dev"):
        rows = [f"{a}\t{b}\t{['no', 'maybe', 'yes'][i % 3]}" for i, (a, b) in enumerate(PAIRS)]
        (folder / f"{split}.tsv").write_text("\n".join(["a\tb\ty", *rows, ""]))
    return f"task:{folder}"


def test_the_commands_take_public_models_of_a_task(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = own_task(tmp_path / "task")
    model = public(tmp_path / "model", ["yes", "no", "maybe"])
    labels = logits_of(model)[:, [1, 2, 0]].argmax(axis=1)
    words = ["score", "--model", model, "--collection", source, "--split", "dev", "--out", tmp_path / "out.trec"]
    assert main([str(word) for word in words]) == 0
    given = {line.split()[0]: float(line.split()[4]) for line in (tmp_path / "out.trec").read_text().splitlines()}
    assert given == {f"dev-{i}": label for i, label in enumerate(labels)}
    words = ["distill", "--collection", source, "--teachers", model, "--student", model, "--out", tmp_path / "student"]
    assert main([str(word) for word in [*words, "--max-steps", 1, "--max-length", 16]]) == 0
    assert "accuracy" in json.loads((tmp_path / "student" / "metrics.json").read_text())
    capsys.readouterr()
    case = ["case", "dev-1", "--collection", source, "--models", model, "--json"]
    assert main([str(word) for word in case]) == 0
    assert json.loads(capsys.readouterr().out)["rows"]


def test_a_run_in_parts_is_scored_by_the_same_classes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = own_task(tmp_path / "task")
    rows = [f"dev-{i} Q0 dev-{i} 1 1 x" for i in range(len(PAIRS))]
    (tmp_path / "run.trec").write_text("\n".join([*rows, ""]))
    words = ["parts", "--run", tmp_path / "run.trec", "--queries", 2, "--out", tmp_path / "parts"]
    assert main([str(word) for word in words]) == 0
    for labels, places in ((["yes", "no", "maybe"], [1, 2, 0]), (["LABEL_0", "LABEL_1", "LABEL_2"], [0, 1, 2])):
        model, out = public(tmp_path / labels[0], labels), tmp_path / f"{labels[0]}.parts"
        words = ["score", "--model", model, "--collection", source, "--run", tmp_path / "parts", "--out", out]
        assert main([str(word) for word in words]) == 0
        scored = concatenate([read_part(part) for part in parts_of(out)])
        given = dict(zip(scored.query_ids.to_pylist(), scored["score"].tolist(), strict=True))
        expected = logits_of(model)[:, places].argmax(axis=1)
        assert given == {f"dev-{i}": label for i, label in enumerate(expected)}
        assert capsys.readouterr().err.count("by number") == (labels[0] == "LABEL_0")


@pytest.mark.parametrize(
    ("contract", "task", "taken"),
    [
        (ScoreContract("logit"), None, True),
        (ScoreContract("logit"), similarity(0.0, 5.0), False),
        (ScoreContract("sigmoid"), similarity(0.0, 5.0), False),
        (ScoreContract("sigmoid", scale=5.0), similarity(0.0, 5.0), True),
        (ScoreContract("margin"), classification(*RTE), False),
    ],
)
def test_what_was_left_ready_is_taken_only_where_its_scores_are_the_tasks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, contract: ScoreContract, task: Task | None, taken: bool
) -> None:
    kept = SimpleNamespace(contract=contract)
    monkeypatch.setattr(ready, "ready_model", lambda *_: kept)
    monkeypatch.setattr(ready, "keep_ready", None)  # what is there is not made again
    folder = public(tmp_path / "model", RTE)
    found = load_scorer(folder, ScoringSettings(engine="auto"), task and task.collection)
    assert (found is kept) == taken
