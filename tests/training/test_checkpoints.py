"""Checkpoints: only those that are as they were written are resumed from; a full disk is a message, and costs none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from tiny import labelled, make_collection, make_model, make_tokenizer

from rankdistill.errors import DataError, UsageError
from rankdistill.files.lock import locked
from rankdistill.models import CrossEncoder
from rankdistill.tasks import Task
from rankdistill.training import TrainingSettings, fit, list_trainer
from rankdistill.training.checkpoints import last_whole, saving

collection = make_collection(12)
candidates = labelled(collection)
dev = Task(
    collection, candidates.take_queries(slice(0, 6)), measures=("nDCG@10",), qrels=candidates.only_columns("label")
)
SETTINGS = TrainingSettings(
    epochs=3, list_size=4, lists_per_batch=3, learning_rate=1e-2, save_steps=2, logging_steps=3, eval_steps=2
)
TIMES = ("train_runtime", "train_samples_per_second", "train_steps_per_second")


def start() -> CrossEncoder:
    return CrossEncoder(make_model(), make_tokenizer())


def train(out: Path, settings: TrainingSettings = SETTINGS) -> None:
    fit(start(), candidates, collection, "hinge(label) + 0.5*pairwise_mse(t1)", settings, dev=dev, out=out)


def train_until(out: Path, n_updates: int) -> None:
    """Train and stop, as a kill would, in the middle of an update."""
    update, done = torch.optim.AdamW.step, []

    def step(self, *arguments, **options):
        done.append(0)
        if len(done) > n_updates:
            raise KeyboardInterrupt
        return update(self, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", step)
        with pytest.raises(KeyboardInterrupt):
            train(out)


def results(out: Path) -> tuple[bytes, list[dict]]:
    """The weights, and the log without its times."""
    log = json.loads((out / "log.json").read_text())
    return (out / "model" / "model.safetensors").read_bytes(), [
        {name: value for name, value in entry.items() if name not in TIMES} for entry in log
    ]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[dict]]:
    out = tmp_path_factory.mktemp("whole")
    train(out)
    assert not (out / "checkpoints").exists()
    return results(out)


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training of 12 updates that was stopped in the ninth, after a checkpoint at 8 and one at 6."""
    out = tmp_path_factory.mktemp("killed")
    train_until(out, 8)
    steps = {int(path.name.partition("-")[2]) for path in (out / "checkpoints").glob("checkpoint-*")}
    assert {6, 8} <= steps
    return out


@pytest.mark.parametrize("n_updates", [1, 2, 7, 12])
def test_a_resumed_training_ends_in_the_weights_and_the_log_of_an_uninterrupted_one(
    tmp_path: Path, whole: tuple[bytes, list[dict]], n_updates: int
) -> None:
    if n_updates < 12:
        train_until(tmp_path, n_updates)
    else:  # between the last checkpoint and the model

        def stop(*_: object) -> None:
            raise KeyboardInterrupt

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(CrossEncoder, "save", stop)
            with pytest.raises(KeyboardInterrupt):
                train(tmp_path)
    train(tmp_path)
    weights, log = results(tmp_path)
    assert weights == whole[0]
    assert log == whole[1]


FILES = ["model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json", "losses_0.json"]


def empty(file: Path) -> None:
    file.write_bytes(b"")


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-7])


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 16
    file.write_bytes(bytes(content))


@pytest.mark.parametrize("damage", [empty, cut, flip, Path.unlink])
@pytest.mark.parametrize("name", [*FILES, "checksums.json"])
def test_a_damaged_checkpoint_is_left_for_the_one_before_it(
    tmp_path: Path, killed: Path, damage: Callable[[Path], None], name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = shutil.copytree(killed, tmp_path / "out")
    damage(out / "checkpoints" / "checkpoint-8" / name)
    assert last_whole(out / "checkpoints") == out / "checkpoints" / "checkpoint-6"
    assert "checkpoint-8" in capsys.readouterr().err
    assert not (out / "checkpoints" / "checkpoint-8").exists()


def test_a_training_ends_the_same_from_an_older_checkpoint_and_from_none(
    tmp_path: Path, killed: Path, whole: tuple[bytes, list[dict]]
) -> None:
    for name, damaged in (("older", [8]), ("none", [8, 6, 4, 2])):
        out = shutil.copytree(killed, tmp_path / name)
        for step in damaged:
            if (out / "checkpoints" / f"checkpoint-{step}").exists():
                flip(out / "checkpoints" / f"checkpoint-{step}" / "optimizer.pt")
        train(out)
        assert results(out) == whole


def test_a_checkpoint_whose_best_weights_are_damaged_is_not_resumed_from(tmp_path: Path, killed: Path) -> None:
    checkpoints = shutil.copytree(killed / "checkpoints", tmp_path / "checkpoints")
    state = json.loads((checkpoints / "checkpoint-8" / "trainer_state.json").read_text())
    best = checkpoints / f"checkpoint-{state['best_global_step']}"
    flip(best / "model.safetensors")
    kept = last_whole(checkpoints)
    assert kept is None or json.loads((kept / "trainer_state.json").read_text())["best_global_step"] not in (
        None,
        state["best_global_step"],
    )


def test_a_folder_of_checkpoints_may_be_moved(tmp_path: Path, killed: Path, whole: tuple[bytes, list[dict]]) -> None:
    out = shutil.copytree(killed, tmp_path / "elsewhere")
    train(out)
    assert results(out) == whole


def test_what_is_claimed_is_not_read_from_a_damaged_file(tmp_path: Path, killed: Path) -> None:
    out = shutil.copytree(killed, tmp_path / "out")
    cut(out / "checkpoints" / "facts.json")
    with pytest.raises(DataError, match=r"facts.json is damaged: .* delete .*checkpoints to start again"):
        train(out)


def test_checkpoints_without_a_word_on_what_they_belong_to_are_not_used(
    tmp_path: Path, killed: Path, whole: tuple[bytes, list[dict]]
) -> None:
    """As a kill leaves them that comes while the folder of a finished training is removed."""
    out = shutil.copytree(killed, tmp_path / "out")
    (out / "checkpoints" / "facts.json").unlink()
    train(out)
    assert results(out) == whole


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        RuntimeError("[enforce fail at inline_container.cc:672] . unexpected pos 64 vs 0"),
        SafetensorError("Error while serializing: I/O error: File too large (os error 27)"),
    ],
    ids=["python", "torch", "safetensors"],
)
def test_whatever_writers_raise_on_a_full_disk_says_what_to_do(tmp_path: Path, error: Exception) -> None:
    (tmp_path / "checkpoint-3").mkdir()
    with (
        pytest.raises(DataError, match=r"cannot write the checkpoint: .*make room.* run the same command again") as got,
        saving("the checkpoint", partial=tmp_path / "checkpoint-3"),
    ):
        raise error
    assert got.value.__cause__ is error
    assert "\n" not in str(got.value)
    assert not (tmp_path / "checkpoint-3").exists()


@pytest.mark.parametrize("writer", ["save", "_save_optimizer_and_scheduler", "_save_rng_state"])
def test_a_checkpoint_that_cannot_be_written_costs_no_other(
    tmp_path: Path, whole: tuple[bytes, list[dict]], writer: str
) -> None:
    """`save` is transformers' name for writing the weights, in `Trainer._save`."""
    name = "_save" if writer == "save" else writer
    real, calls = getattr(list_trainer.Trainer, name), []

    def full(self, *arguments, **options):
        calls.append(0)
        if len(calls) == 3:
            raise RuntimeError("file write failed")
        return real(self, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(list_trainer.Trainer, name, full)
        with pytest.raises(DataError, match=r"cannot write the checkpoint .*checkpoint-6: file write failed"):
            train(tmp_path)
    assert {path.name for path in (tmp_path / "checkpoints").glob("check*-*")} == {"checkpoint-2", "checkpoint-4"}
    train(tmp_path)
    assert results(tmp_path) == whole


def test_a_finished_training_is_not_made_again_and_a_damaged_one_is(
    tmp_path: Path, whole: tuple[bytes, list[dict]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    train(tmp_path)
    capsys.readouterr()
    with monkeypatch.context() as patch:
        patch.setattr(list_trainer.ListTrainer, "train", lambda *_: pytest.fail("it is trained again"))
        train(tmp_path)
    assert "was finished by an earlier call" in capsys.readouterr().err
    assert results(tmp_path) == whole
    flip(tmp_path / "model" / "model.safetensors")
    train(tmp_path)
    assert "damaged (model.safetensors): it is trained again" in capsys.readouterr().err
    assert results(tmp_path) == whole


def test_the_model_of_a_finished_training_is_returned(tmp_path: Path) -> None:
    settings = TrainingSettings(list_size=4, lists_per_batch=3)
    first = fit(start(), candidates, collection, "hinge(label)", settings, out=tmp_path)
    again = fit(start(), candidates, collection, "hinge(label)", settings, out=tmp_path)
    pairs = [("a dog", "the dog wrote"), ("a dog", "the cat")]
    assert (again.predict(pairs) == first.predict(pairs)).all()
    assert not again.model.training


def test_two_trainings_into_one_folder_are_one_too_many(tmp_path: Path) -> None:
    with locked(tmp_path / "checkpoints"), pytest.raises(UsageError, match="another process writes into"):
        train(tmp_path)
