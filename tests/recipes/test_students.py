"""Students from scratch: made, trained, resumed and scored like every other student, for every kind of task."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pair_tasks import write_glue
from tiny import judged_collection, make_model, make_tokenizer

from rankdistill.cli.entry import main
from rankdistill.data import Candidates, load_collection
from rankdistill.errors import UnknownNameError, UsageError
from rankdistill.models import CrossEncoder
from rankdistill.recipes.student_settings import StudentSettings, student_kind
from rankdistill.recipes.students import make_student
from rankdistill.training import TrainingSettings, fit

SMALL: dict[str, Any] = {"lstm_size": 8, "dense_size": 8, "student_dropout": 0.0}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "model"
    CrossEncoder(make_model(), make_tokenizer()).save(folder)
    return folder


@pytest.fixture(scope="module")
def glue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_glue(tmp_path_factory.mktemp("glue"))


def lists() -> tuple[Any, Candidates]:
    collection = judged_collection(12, 30)
    documents = collection.documents.ids.to_pylist()
    queries = collection.queries.ids.to_pylist()
    rows = [(query, documents[(i + j) % 30]) for i, query in enumerate(queries) for j in range(4)]
    labels = np.array([i % 4 == 0 for i in range(len(rows))], np.float32)
    return collection, Candidates.from_rows([q for q, _ in rows], [d for _, d in rows]).with_columns(label=labels)


@pytest.mark.slow
@pytest.mark.parametrize("student", ["bilstm", "biattentive", "transformer:2x32"])
def test_every_student_fine_tunes_on_a_task_of_single_texts_by_the_command(
    student: str, base: Path, glue: Path, tmp_path: Path
) -> None:
    options = ["--epochs", "40", "--lists-per-batch", "10", "--max-length", "32", "--dtype", "float32"]
    arguments = ["finetune", "--collection", f"glue:sst2@{glue}", "--student", student, "--base", str(base)]
    options += ["--learning-rate", "0.003"] if student.startswith("transformer") else []  # it starts at random
    assert main([*arguments, *options, "--out", str(tmp_path / "out")]) == 0
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["accuracy"] >= 0.9


@pytest.mark.slow
@pytest.mark.parametrize("tokens", ["words", "wordpiece"])
def test_a_bilstm_is_distilled_on_logits_without_labels(tokens: str, base: Path, glue: Path, tmp_path: Path) -> None:
    collection = f"glue:rte@{glue}"
    options = ["--epochs", "40", "--lists-per-batch", "10", "--max-length", "32", "--dtype", "float32"]
    teach = ["finetune", "--collection", collection, "--student", "bilstm", "--base", str(base)]
    assert main([*teach, *options, "--out", str(tmp_path / "teacher")]) == 0
    learn = ["distill", "--collection", collection, "--teachers", str(tmp_path / "teacher" / "model")]
    learn += ["--student", "bilstm", "--tokens", tokens, "--lstm-size", "16"]
    assert main([*learn, *options, "--out", str(tmp_path / "student")]) == 0
    config = (tmp_path / "student" / "config.yaml").read_text()
    assert "objective: logit_mse(target)" in config
    assert "optimizer: adadelta" in config
    assert json.loads((tmp_path / "student" / "metrics.json").read_text())["accuracy"] >= 0.8


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "adadelta"])
def test_a_killed_training_ends_with_the_weights_of_one_that_was_not(
    optimizer: str, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection, candidates = lists()
    settings = TrainingSettings(
        epochs=4, list_size=4, lists_per_batch=4, save_steps=3, optimizer=optimizer, learning_rate=0.01, dtype="float32"
    )

    def student() -> CrossEncoder:
        return make_student("bilstm", collection, candidates, base=base, **SMALL)

    whole = fit(student(), candidates, collection, "hinge(label)", settings, out=tmp_path / "whole")
    from rankdistill.training.list_trainer import ListTrainer

    losses = ListTrainer.compute_loss

    def dies(trainer: Any, *arguments: Any, **options: Any) -> Any:
        if trainer.state.global_step == 7:
            raise KeyboardInterrupt
        return losses(trainer, *arguments, **options)

    with monkeypatch.context() as patched:
        patched.setattr(ListTrainer, "compute_loss", dies)
        with pytest.raises(KeyboardInterrupt):
            fit(student(), candidates, collection, "hinge(label)", settings, out=tmp_path / "killed")
    again = fit(student(), candidates, collection, "hinge(label)", settings, out=tmp_path / "killed")
    assert again.fingerprint() == whole.fingerprint() != student().fingerprint()


def test_the_optimizer_is_the_one_of_the_settings(base: Path) -> None:
    """One step of torch's own AdaDelta from the same gradient gives the same weights."""
    collection, candidates = lists()
    settings = TrainingSettings(
        max_steps=1,
        list_size=4,
        lists_per_batch=12,
        optimizer="adadelta",
        learning_rate=1.0,
        warmup_ratio=0,
        lr_scheduler_type="constant",
        max_grad_norm=0,
        dtype="float32",
    )
    start, trained = (make_student("bilstm", collection, candidates, base=base, **SMALL) for _ in range(2))
    fit(trained, candidates, collection, "hinge(label)", settings)
    moved = trained.model.classifier.weight - start.model.classifier.weight
    # from averages of 0 a first step of AdaDelta is sqrt(eps / ((1 - rho) g² + eps)) g: about sqrt(eps / (1 - rho))
    known = moved.detach()[moved != 0].abs()
    assert len(known)
    assert float(known.max()) <= (1e-6 / 0.05) ** 0.5 * 1.01
    assert float(known.max()) >= (1e-6 / 0.05) ** 0.5 * 0.5


def test_the_frozen_channel_does_not_move_and_the_other_does(tmp_path: Path) -> None:
    collection, candidates = lists()
    vectors = tmp_path / "vectors.txt"
    vectors.write_text("dog 1 2 3 4\ncat 4 3 2 1\nbook 0.5 0.25 0 1\n")
    student = make_student("bilstm", collection, candidates, embeddings=str(vectors), **SMALL)
    before = {name: weight.clone() for name, weight in student.model.state_dict().items()}
    torch.testing.assert_close(before["frozen.weight"], before["embeddings.weight"])
    fit(student, candidates, collection, "hinge(label)", TrainingSettings(list_size=4, learning_rate=0.1, epochs=4))
    after = student.model.state_dict()
    torch.testing.assert_close(after["frozen.weight"], before["frozen.weight"], rtol=0, atol=0)
    assert not torch.equal(after["embeddings.weight"], before["embeddings.weight"])
    row = student.tokenizer.get_vocab()["dog"]
    assert after["frozen.weight"][row].tolist() == [1, 2, 3, 4]


def test_a_transformer_of_the_bases_width_starts_from_its_first_layers(base: Path) -> None:
    collection, candidates = lists()
    source = CrossEncoder.from_pretrained(base).model.bert.state_dict()
    student = make_student("transformer:2x32", collection, candidates, base=base, max_length=32).model.bert.state_dict()
    assert all(torch.equal(weight, source[name]) for name, weight in student.items())
    assert any(".layer.1." in name for name in student)
    assert not any(".layer.2." in name for name in student)


def test_the_same_seed_gives_the_same_student_and_another_one_another(base: Path) -> None:
    collection, candidates = lists()
    one, same, other = (
        make_student("biattentive", collection, candidates, base=base, seed=seed, **SMALL).fingerprint()
        for seed in (1, 1, 2)
    )
    assert one == same != other


@pytest.mark.parametrize("name", ["bilsm", "lstm", "BiAttentiv"])
def test_a_name_that_is_nearly_a_students_is_refused_with_the_valid_ones(name: str) -> None:
    with pytest.raises(UnknownNameError, match="transformer:LxH"):
        student_kind(name)


@pytest.mark.parametrize(
    "name", ["transformer", "transformer:3", "transformer:0x32", "transformer:3x4", "transformer:x"]
)
def test_a_transformer_without_a_shape_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="transformer:LxH"):
        student_kind(name)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"lstm_size": -1}, "lstm_size must be at least 1"),
        ({"channels": 3}, "channels must be at most 2"),
        ({"tokens": "letters"}, "unknown kind of tokens"),
        ({"tokens": "words", "embeddings": "base"}, "a base has embeddings of its pieces"),
    ],
)
def test_settings_of_a_student_that_cannot_be_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        StudentSettings(**wrong)


def test_a_file_of_vectors_that_is_not_there_is_refused_before_any_work() -> None:
    with pytest.raises(UsageError, match="there is no file 'nowhere"):
        make_student("bilstm", *lists(), embeddings="nowhere.txt")


def test_options_of_a_student_are_refused_where_the_model_is_none(
    base: Path, glue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["finetune", "--collection", f"glue:sst2@{glue}", "--base", str(base), "--lstm-size", "9"]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 2
    assert "lstm_size shape a student made from scratch" in capsys.readouterr().err


def test_a_task_is_loaded_by_name(glue: Path, base: Path) -> None:
    task = load_collection(f"glue:stsb@{glue}")
    student = make_student("biattentive", task, base=base, **SMALL)
    scores = student.predict([("a cat", "a dog"), ("a cat", "")])
    assert student.contract.form == "sigmoid"
    assert ((scores >= 0) & (scores <= 5)).all()
