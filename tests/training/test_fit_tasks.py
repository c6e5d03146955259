"""Training on several tasks: one encoder, batches of one task, every task logged, measured, saved and resumed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import judged_collection, labelled, make_collection, make_model, make_tokenizer

from rankdistill.errors import UnknownNameError
from rankdistill.models import CrossEncoder, ScoreContract
from rankdistill.models.shared_encoder import head_parts, with_new_head
from rankdistill.models.untrained import mark_head, untrained_weights
from rankdistill.retrieval.bm25 import bm25
from rankdistill.scoring import score
from rankdistill.tasks import Task
from rankdistill.training import Objective, TrainingSettings, fit
from rankdistill.training.fit_tasks import Part, _mixed, fit_tasks
from rankdistill.training.objective_trainer import ObjectiveTrainer

SETTINGS = TrainingSettings(
    epochs=3, list_size=4, lists_per_batch=8, learning_rate=3e-3, logging_steps=1, save_steps=2, dtype="float32"
)


def start() -> CrossEncoder:
    return CrossEncoder(make_model(num_hidden_layers=2), make_tokenizer(), max_length=32)


def parts() -> dict[str, Part]:
    """Two tasks over one collection: which document has a dog, and which has none; the second is smaller."""
    collection = make_collection(8)
    candidates = labelled(collection)
    texts = collection.documents.take(candidates.doc_ids)
    dog = np.array(["dog" in text.split() for text in texts], np.float32)
    candidates = candidates.only_columns("label").with_columns(dog=dog, nodog=1 - dog)
    model = start()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        other = with_new_head(model, model.contract, (), 2)
    return {
        "dog": Part(model, candidates, collection, Objective.parse("pointwise_mse(dog)")),
        "no.dog": Part(
            other, candidates.take_queries(slice(0, 3)), collection, Objective.parse("pointwise_mse(nodog)")
        ),
    }


def test_the_card_of_each_model_names_its_own_teachers(tmp_path: Path) -> None:
    named = {name: replace(part, teachers=(f"teacher of {name}",)) for name, part in parts().items()}
    for _ in range(2):  # the second call finds the training finished
        fit_tasks(named, replace(SETTINGS, max_steps=2), out=tmp_path)
        for name in named:
            assert f"- teachers: teacher of {name}\n" in (tmp_path / name / "model" / "README.md").read_text()
            (tmp_path / name / "model" / "README.md").unlink()
        named = {name: replace(part, teachers=named[name].teachers) for name, part in parts().items()}


def log_of(out: Path) -> list[dict[str, Any]]:
    log: list[dict[str, Any]] = json.loads((out / "log.json").read_text())
    return log


def weights(model: CrossEncoder) -> dict[str, Any]:
    return {name: weight.clone() for name, weight in model.model.state_dict().items()}


def test_tasks_that_want_opposite_scores_are_learned_by_one_encoder_and_two_heads(tmp_path: Path) -> None:
    tasks = parts()
    fit_tasks(tasks, SETTINGS, out=tmp_path)
    log = log_of(tmp_path)
    for name, term in (("dog", "dog: pointwise_mse(dog)"), ("no.dog", "no.dog: pointwise_mse(nodog)")):
        values = [entry[term] for entry in log if term in entry]
        assert len(values) == {"dog": 12, "no.dog": 5}[name], "two lists a batch, in three passes"
        assert np.mean(values[-2:]) < np.mean(values[:2])
        saved = CrossEncoder.from_pretrained(tmp_path / name / "model")
        for key, weight in tasks[name].model.model.state_dict().items():
            assert torch.equal(saved.model.state_dict()[key], weight)
    one, other = (CrossEncoder.from_pretrained(tmp_path / name / "model").model for name in tasks)
    for key, weight in one.bert.state_dict().items():
        assert torch.equal(other.bert.state_dict()[key], weight)
    assert not torch.equal(one.classifier.weight, other.classifier.weight)
    assert head_parts(one) == ["dropout", "classifier"], "nothing is left beside the model"


def test_one_task_is_trained_as_fit_trains_it(tmp_path: Path) -> None:
    part, other = parts()["dog"], start()
    fit_tasks({"dog": part}, SETTINGS, out=tmp_path / "tasks")
    fit(
        other,
        part.candidates,
        part.collection,
        part.objective,
        replace(SETTINGS, lists_per_batch=2),
        out=tmp_path / "one",
    )
    for key, weight in weights(other).items():
        assert torch.equal(part.model.model.state_dict()[key], weight)


def test_heads_that_are_trained_together_are_no_untrained_ones() -> None:
    """As where the encoder is that of a student of relations alone."""
    tasks = parts()
    for part in tasks.values():
        mark_head(part.model.model.config, True)
    fit_tasks(tasks, replace(SETTINGS, max_steps=2))
    for part in tasks.values():
        assert not part.model.untrained
        assert not untrained_weights(part.model.model)


class KilledError(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("sampling", ["proportional", "sqrt"])
def test_a_killed_training_ends_as_one_that_was_not(
    sampling: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = parts()
    fit_tasks(whole, SETTINGS, sampling=sampling, out=tmp_path / "whole")
    losses, n_calls = ObjectiveTrainer.losses, 0

    def dying(self: ObjectiveTrainer, model: Any, batch: Any) -> Any:
        nonlocal n_calls
        n_calls += 1
        if n_calls == 6:
            raise KilledError
        return losses(self, model, batch)

    monkeypatch.setattr(ObjectiveTrainer, "losses", dying)
    with pytest.raises(KilledError):
        fit_tasks(parts(), SETTINGS, sampling=sampling, out=tmp_path / "killed")
    resumed = parts()
    fit_tasks(resumed, SETTINGS, sampling=sampling, out=tmp_path / "killed")
    assert n_calls < 6 + len(log_of(tmp_path / "whole")), "it went on from a checkpoint"
    for name in whole:
        for key, weight in weights(whole[name].model).items():
            assert torch.equal(resumed[name].model.model.state_dict()[key], weight), (name, key)
    n_calls = 100
    third = parts()
    fit_tasks(third, SETTINGS, sampling=sampling, out=tmp_path / "killed")
    assert n_calls == 100, "what is finished is not trained again"
    assert torch.equal(third["no.dog"].model.model.classifier.weight, whole["no.dog"].model.model.classifier.weight)
    assert torch.equal(third["dog"].model.model.classifier.weight, whole["dog"].model.model.classifier.weight)


def test_every_task_is_measured_for_the_log_and_the_mean_may_choose_the_weights(tmp_path: Path) -> None:
    judged = judged_collection()
    lists = bm25(judged, [f"q{i}" for i in range(8)], 5)
    dev = Task(judged, lists, measures=("RR@10", "PNR"))
    tasks = {name: replace(part, dev=dev) for name, part in parts().items()}
    fit_tasks(tasks, SETTINGS, measurements=4, out=tmp_path / "logged")
    measured = [entry for entry in log_of(tmp_path / "logged") if "eval_mean" in entry]
    assert 4 <= len(measured) <= 5
    for entry in measured:
        assert entry["eval_mean"] == pytest.approx((entry["eval_dog_RR@10"] + entry["eval_no.dog_RR@10"]) / 2)
        assert "eval_dog_PNR" in entry
    tasks = {name: replace(part, dev=dev) for name, part in parts().items()}
    fit_tasks(tasks, replace(SETTINGS, eval_steps=3), out=tmp_path / "chosen")
    best = max(entry["eval_mean"] for entry in log_of(tmp_path / "chosen") if "eval_mean" in entry)
    reached = []
    for name in tasks:
        model = CrossEncoder.from_pretrained(tmp_path / "chosen" / name / "model")
        reached.append(dev.evaluation(score(model, lists, judged, dtype="float32")).values["RR@10"])
    assert np.mean(reached) == pytest.approx(best, abs=1e-6)


def test_pairs_are_trained_beside_lists_that_are_drawn_by_scores(tmp_path: Path) -> None:
    part = parts()["dog"]
    pairs = part.candidates.take_rows(np.arange(0, len(part.candidates), 10))
    classes = with_new_head(part.model, ScoreContract("classes", n_classes=2), ("x", "y"), 2)
    other = Part(
        classes,
        pairs.with_columns({"t.0": pairs["dog"], "t.1": pairs["nodog"]}),
        part.collection,
        Objective.parse("logit_mse(t)"),
    )
    fit_tasks({"lists": part, "pairs": other}, replace(SETTINGS, draw="hardest", epochs=1), out=tmp_path)
    terms = [key for entry in log_of(tmp_path) for key in entry if ": " in key]
    assert terms.count("pairs: logit_mse(t)") == 1, "eight pairs are a batch"
    assert terms.count("lists: pointwise_mse(dog)") == 4, "two lists of four are one"


@pytest.mark.parametrize("sampling", ["proportional", "sqrt"])
def test_a_limit_of_updates_reads_the_first_batches_of_all(sampling: str) -> None:
    whole = _mixed(parts(), SETTINGS, sampling)
    some = _mixed(parts(), replace(SETTINGS, max_steps=5), sampling)
    assert len(some) == len(whole)
    assert sum(len(source.plan) for source in some.sources.values()) < sum(
        len(source.plan) for source in whole.sources.values()
    )
    for place in range(5):
        one, other = whole[place], some[place]
        assert one["task"] == other["task"]
        torch.testing.assert_close(one["inputs"], other["inputs"])


def test_an_unknown_sampling_is_refused() -> None:
    with pytest.raises(UnknownNameError, match=r"way to sample tasks 'square'.*proportional, sqrt"):
        fit_tasks(parts(), SETTINGS, sampling="square")
