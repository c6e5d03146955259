"""MiniLMv2's recipe: a student of any shape, on text without labels, by the command; and what comes after it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from pair_tasks import write_glue
from tiny import WORDS, judged_collection, make_model, make_tokenizer, write_collection
from transformers import AutoModelForSequenceClassification

from rankdistill.cli.entry import main
from rankdistill.data import load_collection, write_run
from rankdistill.data.pair_parts import SCHEMA, pair_ids, write_pair_part
from rankdistill.errors import UsageError
from rankdistill.models import CrossEncoder
from rankdistill.recipes import distill
from rankdistill.recipes.student_settings import StudentSettings
from rankdistill.recipes.students import make_student
from rankdistill.retrieval.bm25 import bm25
from rankdistill.tasks import Task
from rankdistill.training import TrainingSettings, fit

FEW = ["--lists-per-batch", "16", "--max-length", "32", "--dtype", "float32", "--logging-steps", "1"]


def write_text(folder: Path, *, pairs: bool) -> str:
    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(WORDS, 4 + i % 9)) for i in range(80)]
    others = [texts[(i + 1) % 80] if pairs else "" for i in range(80)]
    folder.mkdir()
    write_pair_part(pa.table([pair_ids(0, 80), texts, others], schema=SCHEMA), folder / "00000.parquet")
    return f"pairs:{folder}"


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An encoder without a head, as a general teacher is."""
    folder = tmp_path_factory.mktemp("teacher") / "bert"
    model: Any = make_model(num_hidden_layers=3)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(4 if weight.ndim == 2 else 1)
    model.bert.save_pretrained(folder)
    make_tokenizer().save_pretrained(folder)
    return folder


def losses(out: Path) -> list[float]:
    return [entry["loss"] for entry in json.loads((out / "log.json").read_text()) if "loss" in entry]


def command(text: str, teacher: Path, student: str, out: Path, *more: str) -> list[str]:
    options = ["--teachers", str(teacher), "--recipe", "minilmv2", "--student", student, "--out", str(out)]
    return ["distill", "--collection", text, *options, *FEW, *(() if "--epochs" in more else ("--epochs", "2")), *more]


@pytest.mark.parametrize("pairs", [False, True], ids=["single texts", "pairs"])
def test_a_random_student_learns_from_an_encoder_without_a_head_and_then_a_task(
    pairs: bool, teacher: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text, out = write_text(tmp_path / "text", pairs=pairs), tmp_path / "out"
    long = ["--learning-rate", "0.003", "--epochs", "6"]
    assert main([*command(text, teacher, "transformer:2x16", out, *long), "--json"]) == 0
    said = capsys.readouterr()
    assert "nothing is measured" in said.err
    assert json.loads(said.out) == {}
    found = losses(out)
    assert found[-1] < 0.8 * found[0]
    assert not (out / "metrics.json").exists()
    plain = AutoModelForSequenceClassification.from_pretrained(out / "model")
    assert type(plain).__name__ == "BertForSequenceClassification"
    assert (plain.config.num_hidden_layers, plain.config.hidden_size, plain.config.num_labels) == (2, 16, 1)
    with pytest.warns(UserWarning, match="its last layer and head are not trained"):
        assert CrossEncoder.from_pretrained(out / "model").n_texts == (2 if pairs else 1)
    glue = write_glue(tmp_path / "glue")
    task = ["finetune", "--collection", f"glue:sst2@{glue}", "--base", str(out / "model"), "--out", str(out / "task")]
    assert main([*task, *FEW, "--epochs", "1"]) == 0
    assert "its head has not 2 logits" not in capsys.readouterr().err
    assert "accuracy" in json.loads((out / "task" / "metrics.json").read_text())
    assert "untrained_head" not in json.loads((out / "task" / "model" / "config.json").read_text())


def test_the_same_command_gives_the_same_student_and_a_finished_one_is_kept(teacher: Path, tmp_path: Path) -> None:
    text = write_text(tmp_path / "text", pairs=True)
    for name in ("a", "b", "a"):
        assert main(command(text, teacher, "transformer:1x16", tmp_path / name, "--seed", "3")) == 0
    one, other = ((tmp_path / name / "model" / "model.safetensors").read_bytes() for name in "ab")
    assert one == other
    assert (tmp_path / "a" / "log.json").exists()


def test_a_student_of_the_teachers_layers_begins_nearer_and_an_earlier_one_goes_on(
    teacher: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = write_text(tmp_path / "text", pairs=True)
    for name, student, more in (
        ("random", "transformer:2x32", []),
        ("layers", str(teacher), ["--layers", "0", "2"]),
        ("later", str(tmp_path / "random" / "model"), []),
    ):
        assert main(command(text, teacher, student, tmp_path / name, "--learning-rate", "0.001", *more)) == 0
    said = capsys.readouterr().err
    assert "imitating" not in said
    assert "relations(teacher): 4 relation heads (48 do not divide the widths 32 of the student" in said
    random, layers, later = (losses(tmp_path / name) for name in ("random", "layers", "later"))
    assert layers[0] < random[0]
    assert later[0] < random[0]


def test_a_ranking_student_learns_relations_of_its_candidates_pairs(tmp_path: Path) -> None:
    collection = judged_collection(20)
    place, run = write_collection(collection, tmp_path / "collection"), bm25(collection, k=6)
    write_run(run, tmp_path / "bm25.trec", "bm25")
    CrossEncoder(make_model(), make_tokenizer()).save(tmp_path / "teacher")
    arguments = command(str(place), tmp_path / "teacher", "transformer:2x16", tmp_path / "out")
    assert main([*arguments, "--run", str(tmp_path / "bm25.trec"), "--learning-rate", "0.003"]) == 0
    n_train = len(load_collection(str(place)).in_split(run, "train"))
    assert len(losses(tmp_path / "out")) == -(-2 * n_train // 16), "each candidate is read once an epoch"
    started = ["distill", "--collection", str(place), "--run", str(tmp_path / "bm25.trec"), "--teachers"]
    started += [str(tmp_path / "teacher"), "--student", str(tmp_path / "out" / "model"), "--method", "pile", *FEW]
    assert main([*started, "--out", str(tmp_path / "pile")]) == 0
    assert "nDCG@10" in json.loads((tmp_path / "pile" / "metrics.json").read_text())


@pytest.mark.parametrize(
    ("student", "more", "message"),
    [
        ("transformer:2x20", ["--objective", "relations(teacher, relation_heads=8)"],
         "8 relation heads do not divide the widths 20 of the student and 32 of the teacher"),
        ("transformer:2x33", [], "no number of relation heads but 1 divides the widths 33 of the student and 32"),
        ("transformer:2x16", ["--objective", "relations(teacher, layer=3)"], "and no layer 3 to learn from"),
        ("transformer:2x16", ["--attention-heads", "5"], "5 attention heads do not divide a width of 16"),
        ("transformer:2x16", ["--embeddings", "random"], "leave embeddings out"),
        ("transformer:2x16", ["--eval-steps", "2"], "leave --eval-steps out"),
        (
            "transformer:2x16", ["--eval-steps", "2", "--objective", "relations(teacher) + attention_mse(teacher)"],
            "does not train the student's head",
        ),
        (
            "transformer:2x16", ["--eval-steps", "2", "--objective", "relations(teacher) + pointwise_mse(teacher)"],
            "the collection has no judgments, by which eval_steps=2 would choose weights",
        ),
        ("bilstm", ["--lstm-size", "4"], "and the student, BiLSTM, has none: take a transformer, such as"),
    ],
)  # fmt: skip
def test_shapes_that_do_not_fit_are_refused_before_any_work(
    student: str, more: list[str], message: str, teacher: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = write_text(tmp_path / "text", pairs=True)
    assert main(command(text, teacher, student, tmp_path / "out", *more)) == (1 if student == "bilstm" else 2)
    assert message in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "out" / "model").exists()


def test_single_texts_and_pairs_are_learned_together_by_a_student_of_pairs(teacher: Path, tmp_path: Path) -> None:
    """Their ids are the same numbers."""
    single = write_text(tmp_path / "a", pairs=False).replace("pairs:", "textbook:")
    pairs = [write_text(tmp_path / name, pairs=True) for name in ("b", "c")]
    more = ["--unlabelled", *pairs, "--epochs", "1"]
    assert main(command(single, teacher, "transformer:1x16", tmp_path / "out", *more)) == 0
    assert len(losses(tmp_path / "out")) == 240 // 16
    with pytest.warns(UserWarning, match="its last layer and head are not trained"):
        assert CrossEncoder.from_pretrained(tmp_path / "out" / "model").n_texts == 2


def test_settings_of_another_network_are_refused() -> None:
    with pytest.raises(UsageError, match="leave dense_size, student_dropout out"):
        StudentSettings(student_network="plain", dense_size=4, student_dropout=0.2).check("transformer:2x32")


def test_the_api_distils_relations_beside_other_losses(teacher: Path, tmp_path: Path) -> None:
    collection = load_collection(write_text(tmp_path / "text", pairs=True))
    assert collection.candidates is not None
    student = make_student(
        "transformer:2x16", collection, base=teacher, max_length=32, student_network="plain", attention_heads=4
    )
    assert student.model.config.num_attention_heads == 4
    before = student.fingerprint()
    settings = TrainingSettings(draw="each", lists_per_batch=16, max_steps=2, dtype="float32")
    beside = CrossEncoder.from_base(teacher)
    objective = "relations(teacher, relation_heads=2, layer=1) + 0.1*pointwise_mse(teacher)"
    distill(collection, collection.candidates, {"t1": beside}, student, settings, objective=objective)
    assert student.fingerprint() != before
    alone = replace(settings, eval_steps=1)
    dev = Task(collection, collection.candidates)
    with pytest.raises(UsageError, match="eval_steps=1 would choose some by chance"):
        fit(student, collection.candidates, collection, "relations(teacher)", alone, dev=dev, teacher=beside)
