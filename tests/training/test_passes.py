"""How often an update runs a network: once where its batch is one row of tokens, else once for each part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from tiny import labelled, make_collection, make_model, make_tokenizer

from rankdistill.models import CrossEncoder
from rankdistill.models.shared_encoder import with_new_head
from rankdistill.training import Objective, TrainingSettings, batches, fit, imitate
from rankdistill.training.fit_tasks import Part, fit_tasks

SETTINGS = TrainingSettings(epochs=1, list_size=6, lists_per_batch=3, max_steps=1, dtype="float32")
pytestmark = pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU takes the parts of a batch one by one")


@pytest.fixture(autouse=True)
def parts_cost_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PART_TOKENS", "PACKED_PART_TOKENS"):
        monkeypatch.setattr(batches, name, 0)


def passes(encoder: Any, train: Callable[[], object]) -> int:
    """How often a training runs an encoder."""
    seen = []
    handle = encoder.register_forward_pre_hook(lambda *_: seen.append(1))
    train()
    handle.remove()
    return len(seen)


def model(family: str = "bert", **settings: Any) -> CrossEncoder:
    return CrossEncoder(make_model(family, **settings), make_tokenizer(), max_length=64)


@pytest.mark.parametrize(("family", "packed"), [("bert", True), ("electra", True), ("distilbert", False)])
def test_fit(family: str, packed: bool) -> None:
    collection = make_collection()
    student = model(family)
    n = passes(
        student.model.base_model,
        lambda: fit(student, labelled(collection), collection, "pointwise_mse(label)", SETTINGS),
    )
    assert n == 1 if packed else 1 < n <= batches.PARTS["cpu"]


def test_a_teacher_beside_takes_few_parts() -> None:
    collection = make_collection()
    student, teacher = model(num_hidden_layers=2), model(num_hidden_layers=2)
    n = passes(
        teacher.model.base_model,
        lambda: fit(
            student,
            labelled(collection),
            collection,
            "pointwise_mse(label) + relations(teacher)",
            SETTINGS,
            teacher=teacher,
        ),
    )
    assert 1 < n <= batches.PARTS["cpu"]


def test_imitate() -> None:
    collection = make_collection()
    teacher = model(num_hidden_layers=3)
    n = passes(teacher.model.base_model, lambda: imitate(teacher, [0, 2], labelled(collection), collection, SETTINGS))
    assert 1 < n <= batches.PARTS["cpu"]


def test_every_task_of_several() -> None:
    collection = make_collection()
    candidates = labelled(collection).only_columns("label")
    first = model()
    other = with_new_head(first, first.contract, (), 2)
    objective = Objective.parse("pointwise_mse(label)")
    parts = {name: Part(each, candidates, collection, objective) for name, each in (("one", first), ("two", other))}
    n = passes(first.model.base_model, lambda: fit_tasks(parts, replace(SETTINGS, max_steps=-1)))
    assert n == 12, "one in each of the six updates of both tasks"
