"""A few layers learn, without labels, to end in the hidden states of all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import make_candidates, make_collection, make_model, make_tokenizer

from rankdistill.models import CrossEncoder, keep_layers
from rankdistill.models.untrained import untrained_weights
from rankdistill.training import TrainingSettings, imitate

SETTINGS = TrainingSettings(epochs=20, list_size=4, lists_per_batch=4, learning_rate=2e-3)
PAIRS = [("a dog", "the dog wrote a book"), ("a cat", "sort the list"), ("first book", "the cat sort"), ("a", "dog")]


def make_teacher() -> CrossEncoder:
    """Four layers of which each changes the states: fresh ones nearly hand them on."""
    model = make_model()
    with torch.no_grad():
        for name, weight in model.bert.encoder.named_parameters():
            if name.endswith("dense.weight"):
                weight.mul_(8)
    return CrossEncoder(model, make_tokenizer())


def states(model: CrossEncoder) -> torch.Tensor:
    """The last hidden states of all tokens of the pairs, (tokens, hidden)."""
    inputs = model.tokenizer([q for q, _ in PAIRS], [d for _, d in PAIRS], padding=True, return_tensors="pt")
    with torch.inference_mode():
        hidden = model.model(**inputs, output_hidden_states=True).hidden_states[-1]
    return hidden[inputs["attention_mask"].bool()]


def distance(one: CrossEncoder, other: CrossEncoder) -> float:
    return float((states(one) - states(other)).square().mean())


@pytest.mark.parametrize("layers", [[0, 3], [0, 2]], ids=["with the last layer", "without the last layer"])
def test_states_come_nearer_to_those_of_all_layers(layers: list[int]) -> None:
    teacher = make_teacher()
    before = {name: weight.clone() for name, weight in teacher.model.state_dict().items()}
    collection = make_collection(8)
    student = imitate(teacher, layers, make_candidates(collection, 10), collection, SETTINGS)
    untaught = teacher.with_model(keep_layers(teacher.model, layers))
    assert distance(student, teacher) < 0.5 * distance(untaught, teacher)
    assert student.model.config.num_hidden_layers == 2
    assert not student.model.training
    assert all(torch.equal(weight, before[name]) for name, weight in teacher.model.state_dict().items())


def test_a_last_layer_in_common_and_the_head_stay_as_they_are() -> None:
    teacher = make_teacher()
    collection = make_collection(8)
    student = imitate(teacher, [1, 3], make_candidates(collection, 10), collection, SETTINGS).model
    first, last = student.bert.encoder.layer
    kept = teacher.model.bert.encoder.layer[3].state_dict()
    assert all(torch.equal(weight, kept[name]) for name, weight in last.state_dict().items())
    assert torch.equal(student.classifier.weight, teacher.model.classifier.weight)
    changed = first.attention.self.value.weight != teacher.model.bert.encoder.layer[1].attention.self.value.weight
    assert changed.any()


def test_a_head_that_was_drawn_stays_an_untrained_one(tmp_path: Path) -> None:
    """And one that was trained stays trained, as the states that it reads are the teacher's."""
    collection, teacher = make_collection(8), make_teacher()
    teacher.model.bert.save_pretrained(tmp_path / "base")
    teacher.tokenizer.save_pretrained(tmp_path / "base")
    settings = replace(SETTINGS, max_steps=1)
    for model in (CrossEncoder.from_base(tmp_path / "base"), teacher):
        student = imitate(model, [0, 3], make_candidates(collection, 10), collection, settings)
        assert student.untrained == model.untrained
        drawn = {"classifier.weight", "classifier.bias"} if model is not teacher else set()
        assert set(untrained_weights(student.model)) == drawn


def test_a_student_goes_on_where_it_was_left() -> None:
    teacher = make_teacher()
    collection = make_collection(8)
    candidates = make_candidates(collection, 10)
    once = imitate(teacher, [0, 3], candidates, collection, SETTINGS)
    before = distance(once, teacher)
    twice = imitate(teacher, [0, 3], candidates, collection, SETTINGS, start=once)
    assert distance(twice, teacher) < before == distance(once, teacher)


def test_the_same_seed_gives_the_same_student() -> None:
    collection = make_collection(8)
    candidates = make_candidates(collection, 10)

    def scores(seed: int) -> np.ndarray:
        settings = TrainingSettings(list_size=4, lists_per_batch=4, learning_rate=3e-3, seed=seed)
        return imitate(make_teacher(), [0, 3], candidates, collection, settings).predict(PAIRS)

    np.testing.assert_array_equal(scores(0), scores(0))
    assert not np.array_equal(scores(0), scores(1))
