"""Trainings over every family: the loss falls, layers imitate, insides are compared or refused by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import lively, make_candidates, make_collection, make_tokenizer

from rankdistill.errors import DataError
from rankdistill.models import CrossEncoder, keep_layers
from rankdistill.models.families import FAMILIES, family_of, head_of
from rankdistill.training import TrainingSettings, fit, imitate

SETTINGS = TrainingSettings(
    epochs=6, list_size=4, lists_per_batch=4, learning_rate=2e-3, logging_steps=1, dtype="float32"
)
LAYERS = [0, 3]


def start(family: str) -> CrossEncoder:
    tokenizer = make_tokenizer()
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    return CrossEncoder(lively(family), tokenizer)


@pytest.fixture(scope="module")
def lists() -> Any:
    collection = make_collection(8)
    candidates = make_candidates(collection, 10)
    texts = collection.documents.take(candidates.doc_ids)
    return collection, candidates.with_columns(label=np.array(["dog" in text.split() for text in texts], np.float32))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_student_of_two_layers_learns_from_labels_and_its_teachers_hidden_states(
    family: str, lists: Any, tmp_path: Path
) -> None:
    collection, candidates = lists
    teacher = start(family)
    student = keep_layers(teacher, LAYERS)
    objective = "bce(label) + hidden_mse(teacher) + embedding_mse(teacher)"
    fit(student, candidates, collection, objective, SETTINGS, teacher=teacher, out=tmp_path)
    log = [entry for entry in json.loads((tmp_path / "log.json").read_text()) if "loss" in entry]
    assert all(np.isfinite(entry["loss"]) for entry in log)
    assert log[-1]["loss"] < 0.96 * log[0]["loss"]
    assert not any(parameter.isnan().any() for parameter in student.model.parameters())


@pytest.mark.parametrize("family", FAMILIES)
def test_layers_imitate_the_states_of_all(family: str, lists: Any, tmp_path: Path) -> None:
    collection, candidates = lists
    teacher = start(family)
    student = imitate(teacher, LAYERS, candidates, collection, SETTINGS, out=tmp_path)
    distances = [e["hidden states"] for e in json.loads((tmp_path / "log.json").read_text()) if "hidden states" in e]
    assert distances[-1] < 0.96 * distances[0]
    untaught = keep_layers(teacher, LAYERS)
    assert torch.equal(head_of(student.model).weight, head_of(untaught.model).weight), "what no state depends on stays"
    assert all(parameter.requires_grad for parameter in student.model.parameters())


@pytest.mark.parametrize("family", [name for name, row in FAMILIES.items() if row.attention_adds])
def test_attention_that_cannot_be_compared_is_refused_before_any_work(family: str, lists: Any) -> None:
    collection, candidates = lists
    teacher = start(family)
    with pytest.raises(DataError, match=f"attention scores of {family_of(teacher.model).name} cannot be compared"):
        fit(keep_layers(teacher, LAYERS), candidates, collection, "attention_mse(teacher)", SETTINGS, teacher=teacher)
