"""Several tasks in one training: every batch once, each of one task, in an order that the seed decides."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tiny import make_candidates, make_collection, make_model, make_tokenizer

from rankdistill.errors import UsageError
from rankdistill.models import CrossEncoder
from rankdistill.models.companions import heads
from rankdistill.training import Objective, TrainingSettings
from rankdistill.training.draw import plan_lists
from rankdistill.training.list_source import ListSource
from rankdistill.training.loop import run_training
from rankdistill.training.mixed import Mixed, sampled_batches
from rankdistill.training.objective_trainer import ObjectiveTrainer

SETTINGS = TrainingSettings(epochs=10, list_size=4, lists_per_batch=2, learning_rate=2e-3, logging_steps=1)


class Numbers:
    """Batches that are nothing but their number."""

    def __init__(self, name: str, n: int) -> None:
        self.name, self.n = name, n

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, index: int) -> Any:
        return {"task": "", "number": (self.name, range(self.n)[index])}

    def digest(self) -> str:
        return f"{self.name}{self.n}"


def order(seed: int) -> list[Any]:
    mixed = Mixed({"a": Numbers("x", 5), "b": Numbers("y", 20)}, seed)
    return [(mixed[i]["task"], mixed[i]["number"]) for i in range(len(mixed))]  # type: ignore[typeddict-item]


def test_every_batch_comes_once_under_its_tasks_name_and_in_its_tasks_order() -> None:
    batches = order(0)
    assert Counter(task for task, _ in batches) == {"a": 5, "b": 20}
    for task, source in (("a", "x"), ("b", "y")):
        numbers = [number for name, number in batches if name == task]
        assert numbers == [(source, i) for i in range(len(numbers))]


def test_tasks_are_shuffled_by_the_seed_alone() -> None:
    assert order(0) == order(0) != order(1)
    tasks = [task for task, _ in order(0)]
    assert tasks[:5] != ["a"] * 5
    assert tasks[-5:] != ["a"] * 5


def test_an_epoch_has_its_share_of_every_task() -> None:
    mixed = Mixed({"a": Numbers("x", 10), "b": Numbers("y", 20)}, 0, epochs=5, sizes={"a": 10, "b": 15})
    tasks = [mixed[i]["task"] for i in range(len(mixed))]
    assert [Counter(tasks[i : i + 5]) for i in range(0, 25, 5)] == [{"a": 2, "b": 3}] * 5
    numbers = [mixed[i]["number"] for i in range(len(mixed)) if tasks[i] == "b"]  # type: ignore[typeddict-item]
    assert numbers == [("y", i) for i in range(15)], "the first ones, in their order"


def test_tasks_are_sampled_by_their_pairs_or_the_square_roots_of_them() -> None:
    pairs, batches = {"small": 100, "large": 10_000}, {"small": 1, "large": 100}
    assert sampled_batches(pairs, batches, "proportional") == batches
    assert sampled_batches(pairs, batches, "sqrt") == {"small": 9, "large": 92}
    assert sampled_batches({"a": 1, "b": 10**9}, {"a": 1, "b": 20}, "sqrt")["a"] == 1, "every task takes part"


def test_the_digest_is_that_of_all_sources_and_the_order() -> None:
    digests = {
        Mixed(sources, seed).digest()
        for sources in ({"a": Numbers("x", 5)}, {"a": Numbers("x", 6)}, {"b": Numbers("x", 5)})
        for seed in (0, 1)
    }
    assert len(digests) == 6


def test_nothing_to_mix_is_refused() -> None:
    with pytest.raises(UsageError, match="no tasks to mix"):
        Mixed({})


@pytest.fixture
def tasks() -> SimpleNamespace:
    """Two tasks over one collection that want opposite scores, each with a head of its own."""
    collection = make_collection(8)
    candidates = make_candidates(collection, 10)
    texts = collection.documents.take(candidates.doc_ids)
    dog = np.array(["dog" in text.split() for text in texts], np.float32)
    candidates = candidates.with_columns(dog=dog, nodog=1 - dog)
    model = CrossEncoder(make_model(), make_tokenizer())
    objectives = {name: Objective.parse(f"pointwise_mse({name}, head={name})") for name in ("dog", "nodog")}
    sources = {
        name: ListSource(
            model,
            candidates.take_queries(queries),
            collection,
            plan_lists(candidates.take_queries(queries), 4, SETTINGS.epochs, 0),
            objective.columns,
            SETTINGS.lists_per_batch,
        )
        for (name, objective), queries in zip(objectives.items(), (slice(0, 6), slice(2, 8)), strict=True)
    }
    return SimpleNamespace(model=model, objectives=objectives, source=Mixed(sources))


def test_each_task_trains_by_its_own_objective_and_is_logged_alone(tasks: SimpleNamespace) -> None:
    trainers: list[ObjectiveTrainer] = []

    def trainer(arguments: Any, dtype: str) -> ObjectiveTrainer:
        trainers.append(ObjectiveTrainer(tasks.model, tasks.source, tasks.objectives, {}, arguments, dtype))
        return trainers[0]

    companions = heads(tasks.model.model, {"dog": 1, "nodog": 1})
    names = set(tasks.model.model.state_dict())
    run_training(tasks.model, trainer, SETTINGS, companions=companions)
    assert set(tasks.model.model.state_dict()) == names, "the heads are gone"
    for name in tasks.objectives:
        term = f"{name}: pointwise_mse({name}, head={name})"
        values = [entry[term] for entry in trainers[0].state.log_history if term in entry]
        assert len(values) == len(tasks.source.sources[name])
        assert np.mean(values[-5:]) < 0.8 * np.mean(values[:5])
