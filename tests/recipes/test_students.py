"""Students from scratch: made, trained, resumed and scored like every other student, for every kind of task."""

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
from tiny import judged_collection, make_model, make_tokenizer
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

from rankdistill.cli.entry import main
from rankdistill.data import Candidates, Texts, load_collection
from rankdistill.data.pair_parts import SCHEMA, write_pair_part
from rankdistill.errors import DataError, UnknownNameError, UsageError
from rankdistill.models import CrossEncoder
from rankdistill.models.stored_embeddings import stored_embeddings
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


@pytest.mark.parametrize("recurrent", ["bilstm", "biattentive"])
def test_hidden_states_of_a_recurrent_network_are_refused_before_any_work(recurrent: str, base: Path) -> None:
    collection, candidates = lists()
    lstm = make_student(recurrent, collection, candidates, base=base, **SMALL)
    transformer = CrossEncoder.from_pretrained(base)
    for role, student, teacher in (("student", lstm, transformer), ("teacher", transformer, lstm)):
        with pytest.raises(
            DataError, match=f"hidden_mse compares .* the {role}, .*LSTM, gives one vector.*transformer"
        ):
            fit(student, candidates, collection, "hidden_mse(teacher)", TrainingSettings(list_size=4), teacher=teacher)


@pytest.mark.parametrize("recurrent", ["bilstm", "biattentive"])
@pytest.mark.parametrize(("width", "lstm_size"), [(12, 8), (12, 4), (32, 8)])
def test_a_recurrent_student_learns_its_teachers_embeddings(
    recurrent: str, width: int, lstm_size: int, base: Path, tmp_path: Path
) -> None:
    """Whether their width, or that of the vector before its head, is the teacher's or not."""
    collection, candidates = lists()
    sizes = {**SMALL, "embedding_size": width, "lstm_size": lstm_size}
    student = make_student(recurrent, collection, candidates, base=base, **sizes)
    teacher = CrossEncoder.from_pretrained(base)
    settings = TrainingSettings(
        list_size=4, lists_per_batch=4, epochs=6, learning_rate=0.02, logging_steps=1, dtype="float32"
    )
    objective = "pointwise_mse(teacher) + embedding_mse(teacher)"
    fit(student, candidates, collection, objective, settings, teacher=teacher, out=tmp_path)
    log = [entry for entry in json.loads((tmp_path / "log.json").read_text()) if "loss" in entry]
    assert log[-1]["embedding_mse(teacher)"] < 0.9 * log[0]["embedding_mse(teacher)"]


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


@pytest.mark.parametrize(
    ("name", "wrong", "named"),
    [
        ("bilstm", {"attention_heads": 4}, "attention_heads"),
        ("biattentive", {"student_network": "plain"}, "student_network"),
        ("bilstm", {"vocabulary_size": 7}, "vocabulary_size"),
        ("bilstm", {"tokens": "words", "student_base": "some/model"}, "student_base"),
        ("transformer:2x32", {"vocabulary_size": 7}, "vocabulary_size"),
        ("transformer:2x32", {"lstm_size": 7}, "lstm_size"),
        ("transformer:2x32", {"channels": 2}, "channels"),
        ("transformer:2x32", {"embedding_size": 16}, "embedding_size"),
        ("transformer:2x32", {"student_network": "plain", "vocabulary_size": 7}, "vocabulary_size"),
        ("transformer:2x32", {"student_network": "plain", "dense_size": 7}, "dense_size"),
    ],
)
def test_a_setting_that_a_student_does_not_use_is_refused(
    name: str, wrong: dict[str, Any], named: str, base: Path
) -> None:
    with pytest.raises(UsageError, match=f"{named}.*leave|leave {named} out"):
        make_student(name, *lists(), base=base, **wrong)


@pytest.mark.parametrize("name", ["bilstm", "biattentive", "transformer:2x64"])
def test_embeddings_of_more_numbers_than_the_base_has_are_refused_with_what_to_do(name: str, base: Path) -> None:
    asked: dict[str, Any] = {"embeddings": "base"} if ":" in name else {"embedding_size": 64}
    with pytest.raises(UsageError, match=r"have 32 numbers, which cannot become 64.*embeddings random"):
        make_student(name, *lists(), base=base, **asked)
    if ":" not in name:
        assert make_student(name, *lists(), base=base, embedding_size=32, **SMALL)
        asked["embeddings"] = "random"
    else:
        asked = {}
    student = make_student(name, *lists(), base=base, **asked)
    assert student.model.get_input_embeddings().weight.shape[1] == 64


def test_attention_heads_are_those_that_are_asked_for(base: Path) -> None:
    def heads(name: str, **settings: Any) -> int:
        return int(make_student(name, *lists(), base=base, max_length=32, **settings).model.config.num_attention_heads)

    assert heads("transformer:2x32") == 4  # the base's, with its first layers
    assert heads("transformer:2x32", attention_heads=8) == 8
    assert heads("transformer:2x128", embeddings="random") == heads("transformer:2x128", student_network="plain") == 2
    assert heads("transformer:2x128", embeddings="random", attention_heads=4) == 4
    with pytest.raises(UsageError, match="5 attention heads do not divide"):
        heads("transformer:2x32", attention_heads=5)


@pytest.mark.parametrize("inside", [True, False])
def test_only_the_embeddings_of_a_base_are_read(
    inside: bool, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under the name that a classifier has them by, or the encoder alone; else the model is loaded."""
    source = CrossEncoder.from_pretrained(base)
    folder = base
    if not inside:
        folder = tmp_path / "encoder"
        source.model.bert.save_pretrained(folder)
        source.tokenizer.save_pretrained(folder)
    expected = source.model.get_input_embeddings().weight.detach().numpy()
    assert np.array_equal(stored_embeddings(folder), expected)

    def loads(*_: Any) -> Any:
        raise AssertionError("the whole model is loaded")

    for module in ("rankdistill.recipes.students", "rankdistill.models.stored_embeddings"):
        monkeypatch.setattr(f"{module}.load_classifier", loads)
    made = make_student("bilstm", *lists(), base=folder, **SMALL).model.embeddings.weight.detach().numpy()
    np.testing.assert_allclose(made / made.std(), expected[: len(made)] / expected[: len(made)].std(), atol=1e-5)


@pytest.mark.parametrize("name", ["bilstm", "biattentive"])
def test_a_student_without_positions_reads_texts_of_any_length(name: str, base: Path, tmp_path: Path) -> None:
    student = make_student(name, *lists(), base=base, max_length=1024, **SMALL)
    student.save(tmp_path / "model")
    again = CrossEncoder.from_pretrained(tmp_path / "model")
    assert again.max_length == 1024
    text = "dog " * 700
    assert again.predict([("cat", text + "cat")]) != again.predict([("cat", text + "book")])
    with pytest.raises(UsageError, match="66 tokens"):
        make_student("transformer:2x32", *lists(), base=base, max_length=1024)


@pytest.mark.parametrize(("share", "lower"), [(1, True), (50, False)])
def test_words_keep_their_capitals_where_more_than_a_few_of_the_file_have_some(
    share: int, lower: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"{'W' if number < share else 'w'}{number}" for number in range(100)]
    (tmp_path / "vectors.txt").write_text("".join(f"{word} 1 2 3\n" for word in ["dog", *words]))
    student = make_student("bilstm", *lists(), embeddings=str(tmp_path / "vectors.txt"), **SMALL)
    ids = [student.tokenizer(text)["input_ids"] for text in ("dog", "Dog")]
    assert (ids[0] == ids[1]) == lower
    said = " ".join(capsys.readouterr().err.split())
    assert f"{share} of 101 words of" in said
    assert f"words are read {'in lower case' if lower else 'with their capitals'}" in said


def test_a_file_of_vectors_gives_pieces_theirs_and_no_others_are_kept(base: Path, tmp_path: Path) -> None:
    (tmp_path / "vectors.txt").write_text("unseen 9 9 9\ndog 1 2 3\nother 8 8 8\n")
    settings: dict[str, Any] = {"embeddings": str(tmp_path / "vectors.txt"), "tokens": "wordpiece"}
    student = make_student("bilstm", *lists(), base=base, **settings, **SMALL)
    row = student.tokenizer.get_vocab()["dog"]
    assert student.model.embeddings.weight[row].tolist() == [1, 2, 3]
    (tmp_path / "vectors.txt").write_text("unseen 9 9 9\n")
    with pytest.raises(DataError, match="has a vector for none of the student's"):
        make_student("bilstm", *lists(), base=base, **settings, **SMALL)


def test_a_file_of_vectors_gives_pieces_after_a_blank_those_of_their_words(tmp_path: Path) -> None:
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *"dog", "\u0120", "do", "dog", "\u0120dog"]
    merges = [("d", "o"), ("do", "g"), ("\u0120", "dog")]
    tokenizer = Tokenizer(models.BPE({token: at for at, token in enumerate(tokens)}, merges, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=64, **names)
    make_model().save_pretrained(tmp_path / "base")
    fast.save_pretrained(tmp_path / "base")
    (tmp_path / "vectors.txt").write_text("unseen 9 9 9\ndog 1 2 3\n")
    settings: dict[str, Any] = {"embeddings": str(tmp_path / "vectors.txt"), "tokens": "wordpiece"}
    student = make_student("bilstm", *lists(), base=tmp_path / "base", **settings, **SMALL)
    weight, rows = student.model.embeddings.weight, student.tokenizer.get_vocab()
    assert weight[rows["\u0120dog"]].tolist() == [1, 2, 3]
    assert weight[rows["dog"]].abs().max() <= 0.25


def test_compounds_of_the_texts_get_their_vector_also_beyond_the_first_words(tmp_path: Path) -> None:
    collection, candidates = lists()
    texts = collection.documents.texts.to_pylist()
    texts[0] = "a long-term plan of the U.S. -- said"
    collection = replace(collection, documents=Texts(collection.documents.ids, pa.array(texts, pa.large_string())))
    lines = ["a 1 2 3", "b 1 2 3", "dog 4 4 4", "u.s. 7 8 9", "-- 5 5 5", "long-term 6 6 6"]
    (tmp_path / "vectors.txt").write_text("\n".join(lines) + "\n")
    settings = {"embeddings": str(tmp_path / "vectors.txt"), "vocabulary_size": 100}
    student = make_student("bilstm", collection, candidates, **settings, **SMALL)
    rows = student.tokenizer.get_vocab()
    weight = student.model.embeddings.weight
    assert [weight[rows[word]].tolist() for word in ("u.s.", "--", "long-term")] == [[7, 8, 9], [5] * 3, [6] * 3]


def test_a_student_of_words_knows_those_of_unlabelled_texts(base: Path, glue: Path, tmp_path: Path) -> None:
    """And the token of masked words is none of them."""
    task = load_collection(f"glue:sst2@{glue}")
    make_student("bilstm", task, base=base, max_length=32, **SMALL).save(tmp_path / "teacher")
    texts = {"id": ["x", "y"], "first": ["a zebra [MASK]", "an okapi and a zebra"], "second": ["", ""]}
    (tmp_path / "more").mkdir()
    write_pair_part(pa.table(texts, SCHEMA), tmp_path / "more" / "00000.parquet")
    words = ["distill", "--collection", f"glue:sst2@{glue}", "--teachers", str(tmp_path / "teacher")]
    words += ["--student", "bilstm", "--tokens", "words", "--unlabelled", str(tmp_path / "more"), "--max-steps", "1"]
    assert main([*words, "--max-length", "32", "--out", str(tmp_path / "out")]) == 0
    student = CrossEncoder.from_pretrained(tmp_path / "out" / "model")
    assert {"zebra", "okapi"} <= set(student.tokenizer.get_vocab())
    assert "mask" not in student.tokenizer.get_vocab()


def test_a_task_is_loaded_by_name(glue: Path, base: Path) -> None:
    task = load_collection(f"glue:stsb@{glue}")
    student = make_student("biattentive", task, base=base, **SMALL)
    scores = student.predict([("a cat", "a dog"), ("a cat", "")])
    assert student.contract.form == "sigmoid"
    assert ((scores >= 0) & (scores <= 5)).all()
