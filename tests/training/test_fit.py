"""Training lowers the loss, logs every term, keeps the best by the dev set, and survives a kill bit for bit."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tiny import labelled, make_collection, make_model, make_tokenizer

import rankdistill
from rankdistill.errors import UsageError
from rankdistill.files.atomic import temporary_beside
from rankdistill.models import CrossEncoder
from rankdistill.tasks import Task
from rankdistill.training import TrainingSettings, fit

SETTINGS = TrainingSettings(epochs=12, list_size=4, lists_per_batch=3, learning_rate=3e-3, logging_steps=2)


def start(**shape) -> CrossEncoder:
    return CrossEncoder(make_model(**shape), make_tokenizer())


def weights(model: CrossEncoder) -> dict[str, torch.Tensor]:
    return {name: weight.clone() for name, weight in model.model.state_dict().items()}


def test_the_loss_falls_and_every_term_is_logged_alone(tmp_path: Path) -> None:
    collection = make_collection(8)
    model = fit(
        start(), labelled(collection), collection, "hinge(label) + 0.5*pairwise_mse(t1)", SETTINGS, out=tmp_path
    )
    log = [entry for entry in json.loads((tmp_path / "log.json").read_text()) if "loss" in entry]
    assert log[-1]["loss"] < 0.5 * log[0]["loss"]
    for entry in log:
        terms = entry["hinge(label)"] + 0.5 * entry["pairwise_mse(t1)"]
        assert entry["loss"] == pytest.approx(terms, rel=0.02, abs=1e-3)
    saved = CrossEncoder.from_pretrained(tmp_path / "model")
    pairs = [("a dog", "the dog wrote"), ("a dog", "the cat")]
    np.testing.assert_allclose(saved.predict(pairs), model.predict(pairs), rtol=0, atol=1e-6)
    assert not (tmp_path / "checkpoints").exists()


def test_the_same_seed_trains_the_same_weights_and_another_seed_does_not() -> None:
    collection = make_collection()
    candidates = labelled(collection)

    def train(seed: int) -> dict[str, torch.Tensor]:
        settings = TrainingSettings(epochs=2, list_size=4, lists_per_batch=3, seed=seed)
        return weights(fit(start(), candidates, collection, "hinge(label)", settings))

    first, again, other = train(0), train(0), train(1)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_the_best_weights_by_the_dev_set_are_kept(tmp_path: Path) -> None:
    collection = make_collection(8)
    candidates = labelled(collection)
    dev = Task(collection, candidates, measures=("nDCG@10",), qrels=candidates.only_columns("label"))
    settings = TrainingSettings(epochs=8, list_size=4, lists_per_batch=4, learning_rate=2e-2, eval_steps=2)
    model = fit(start(), candidates, collection, "hinge(label)", settings, dev=dev, out=tmp_path)
    log = json.loads((tmp_path / "log.json").read_text())
    measured = [entry["eval_nDCG@10"] for entry in log if "eval_nDCG@10" in entry]
    assert len(measured) >= 4
    from rankdistill.evaluation import evaluate
    from rankdistill.scoring import score

    run = candidates.with_columns(score=score(model, candidates, collection, dtype="auto"))
    assert evaluate(dev.qrels, run, ["nDCG@10"], by="score")["nDCG@10"] == pytest.approx(max(measured), abs=1e-6)


def test_the_dev_sets_texts_are_looked_up_once_however_often_they_are_scored() -> None:
    collection = make_collection(8)
    candidates = labelled(collection)
    lookups: list[int] = []

    class Counted:
        def take(self, ids: Any) -> list[str]:
            lookups.append(len(ids))
            return collection.documents.take(ids)

    counted = SimpleNamespace(
        queries=collection.queries, documents=Counted(), qrels=None, unjudged=None, scored_pairs=None
    )
    dev = Task(counted, candidates, measures=("nDCG@10",), qrels=candidates.only_columns("label"))  # type: ignore[arg-type]
    settings = TrainingSettings(epochs=8, list_size=4, lists_per_batch=4, eval_steps=2)
    fit(start(), candidates, collection, "hinge(label)", settings, dev=dev)
    n_documents = len(set(candidates.doc_ids.to_pylist()))
    assert sum(lookups) <= 2 * n_documents, "once to check that they are there, once to read them"


def test_the_dev_set_is_scored_by_the_weights_of_the_moment_whatever_the_models_engine(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    collection = make_collection(8)
    candidates = labelled(collection)
    dev = Task(collection, candidates, measures=("nDCG@10",), qrels=candidates.only_columns("label"))
    settings = TrainingSettings(
        epochs=8, list_size=4, lists_per_batch=4, learning_rate=2e-2, eval_steps=2, dtype="float32"
    )
    logs = []
    for engine in ("torch", "onnx"):
        model = start().with_engine(engine)
        fit(model, candidates, collection, "hinge(label)", settings, dev=dev, out=tmp_path / engine)
        log = json.loads((tmp_path / engine / "log.json").read_text())
        logs.append([entry["eval_nDCG@10"] for entry in log if "eval_nDCG@10" in entry])
    assert logs[0] == logs[1]
    assert len(set(logs[0])) > 1


def test_an_unfinished_training_is_not_resumed_with_other_dev_queries(tmp_path: Path) -> None:
    collection = make_collection()
    candidates = labelled(collection)
    settings = TrainingSettings(list_size=4, lists_per_batch=2, eval_steps=1, save_steps=1)

    def train(dev_queries: slice) -> None:
        dev = Task(collection, candidates.take_queries(dev_queries), qrels=candidates.only_columns("label"))
        fit(start(), candidates, collection, "hinge(label)", settings, dev=dev, out=tmp_path)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CrossEncoder, "save", stop)
        with pytest.raises(KeyboardInterrupt):
            train(slice(0, 3))
    with pytest.raises(UsageError, match="holds an unfinished training with other dev"):
        train(slice(0, 4))
    train(slice(0, 3))


def test_bfloat16_trains_close_to_float32() -> None:
    collection = make_collection()
    candidates = labelled(collection)
    pairs = [("a dog", "the dog wrote a book"), ("a dog", "the cat is long")]
    scores = []
    for dtype in ("float32", "bfloat16"):
        settings = TrainingSettings(epochs=6, list_size=4, lists_per_batch=3, learning_rate=1e-3, dtype=dtype)
        scores.append(fit(start(), candidates, collection, "hinge(label)", settings).predict(pairs))
    assert np.diff(scores[0])[0] == pytest.approx(np.diff(scores[1])[0], abs=0.25)


def test_two_logits_train_with_soft_cross_entropy_and_one_logit_is_refused() -> None:
    collection = make_collection()
    candidates = labelled(collection)
    with pytest.raises(UsageError, match="needs a model with 2 logits"):
        fit(start(), candidates, collection, "cross_entropy(label)", SETTINGS)
    model = fit(start(num_labels=2), candidates, collection, "hinge(label)", SETTINGS)
    run = model.predict([("a dog", "the dog wrote a book"), ("a dog", "the cat is long")])
    assert run[1] < run[0]


def test_an_unfinished_training_is_not_gone_on_with_by_another(tmp_path: Path) -> None:
    collection = make_collection()
    candidates = labelled(collection)

    def train(objective: str, learning_rate: float = 1e-3) -> None:
        settings = TrainingSettings(list_size=4, lists_per_batch=2, save_steps=1, learning_rate=learning_rate)
        fit(start(), candidates, collection, objective, settings, out=tmp_path)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CrossEncoder, "save", stop)
        with pytest.raises(KeyboardInterrupt):
            train("hinge(label)")
    with pytest.raises(UsageError, match=r"holds an unfinished training with other objective, see .*facts.json"):
        train("ranknet(label)")
    with pytest.raises(UsageError, match=r"an unfinished training with other settings.learning_rate, see .*facts.json"):
        train("hinge(label)", 1e-4)
    train("hinge(label)")
    train("ranknet(label)")  # nothing is unfinished


def test_the_limit_of_updates_is_a_limit_and_begins_no_list_again(tmp_path: Path) -> None:
    collection = make_collection(9)
    for most, expected in ((100, 6), (4, 4), (6, 6)):
        settings = TrainingSettings(epochs=2, list_size=4, lists_per_batch=3, max_steps=most, logging_steps=1)
        fit(start(), labelled(collection), collection, "hinge(label)", settings, out=tmp_path / str(most))
        log = json.loads((tmp_path / str(most) / "log.json").read_text())
        assert [entry["step"] for entry in log if "loss" in entry] == list(range(1, expected + 1))


def test_a_training_that_writes_nothing_leaves_nothing_and_removes_what_a_killed_one_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rankdistill.training.loop.gettempdir", lambda: str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        ended.wait()
    name = temporary_beside(tmp_path / "training").name.replace(f"-{os.getpid()}-", f"-{ended.pid}-")
    (tmp_path / name / "checkpoint-5").mkdir(parents=True)
    collection = make_collection()
    candidates = labelled(collection)
    dev = Task(collection, candidates, qrels=candidates.only_columns("label"))
    settings = TrainingSettings(list_size=4, lists_per_batch=3, eval_steps=1)
    fit(start(), candidates, collection, "hinge(label)", settings, dev=dev)
    assert list(tmp_path.iterdir()) == []


def run_script(out: Path) -> subprocess.Popen:
    here = Path(__file__).parent
    paths = [str(here), str(here.parent), str(Path(rankdistill.__file__).parents[1])]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(paths)}
    command = [sys.executable, str(here / "fit_script.py"), str(out)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs SIGKILL")
def test_killed_training_goes_on_and_ends_with_the_same_weights(tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = run_script(killed)
    while process.poll() is None and len(list(killed.glob("checkpoints/*/trainer_state.json"))) < 2:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (killed / "model").exists()
    assert run_script(killed).wait() == 0
    assert run_script(whole).wait() == 0
    weights = [folder / "model" / "model.safetensors" for folder in (killed, whole)]
    assert weights[0].read_bytes() == weights[1].read_bytes()
