"""A classifier's labels are a task's classes by their names, else in their order where the names only count."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from rankdistill.data.sources.pairs.glue import GLUE
from rankdistill.models.class_names import ClassPlaces, class_places, say_nothing

CLASSES = [task.scored.classes for task in GLUE.values() if task.scored.classes]


def spelled(name: str, way: int) -> str:
    """A name as some model writes it."""
    return [name, name.upper(), name.title().replace("_", " "), name.replace("_", "-"), name.replace("not_", "non")][
        way
    ]


@pytest.mark.parametrize("classes", CLASSES)
@pytest.mark.parametrize("way", range(5))
def test_labels_in_any_order_and_spelling_are_found_by_name(classes: tuple[str, ...], way: int) -> None:
    for order in itertools.permutations(range(len(classes))):
        labels = [spelled(classes[place], way) for place in order]
        found = class_places(labels, classes)
        assert found is not None
        assert found.by_name
        assert [labels[place] for place in found.places] == [spelled(name, way) for name in classes]


@pytest.mark.parametrize(
    ("labels", "classes", "places"),
    [
        (("contradiction", "entails", "neutral"), ("entailment", "neutral", "contradiction"), (1, 2, 0)),
        (("NEG", "POS"), ("positive", "negative"), (1, 0)),
        (("paraphrase", "not a paraphrase"), ("not_equivalent", "equivalent"), None),
        (("is_duplicate", "not_duplicate"), ("not_duplicate", "duplicate"), (1, 0)),
        (("ungrammatical", "grammatical"), ("unacceptable", "acceptable"), (0, 1)),
        (("spam", "non-spam"), ("not_spam", "spam"), (1, 0)),
        (("2", "1"), ("1", "2"), (1, 0)),
    ],
)
def test_common_names_of_one_class_are_the_same(
    labels: tuple[str, ...], classes: tuple[str, ...], places: tuple[int, ...] | None
) -> None:
    assert class_places(labels, classes) == (None if places is None else ClassPlaces(places, True))


@pytest.mark.parametrize("classes", CLASSES)
@pytest.mark.parametrize("before", ["LABEL_", "label", "class ", ""])
def test_labels_that_only_count_are_the_classes_in_their_order(classes: tuple[str, ...], before: str) -> None:
    labels = [f"{before}{place}" for place in range(len(classes))]
    assert say_nothing(labels)
    assert class_places(labels, classes) == ClassPlaces(tuple(range(len(classes))), False)
    assert class_places(labels[::-1], classes) is None


@pytest.mark.parametrize(
    "labels",
    [
        ("positive", "negative"),
        ("entailment", "entails"),
        ("entailment", "neutral"),
        ("entailment", "not_entailment", "neutral"),
        ("entailment",),
        ("+", "-"),
    ],
)
def test_other_classes_are_none_of_the_task(labels: tuple[str, ...]) -> None:
    assert class_places(labels, ("entailment", "not_entailment")) is None


def test_random_names_are_found_wherever_they_stand() -> None:
    random = np.random.default_rng(0)
    for _ in range(200):
        letters = random.choice(list("abcdefgh"), (random.integers(2, 6), 6))
        classes = list(dict.fromkeys("".join(each) for each in letters))
        order = random.permutation(len(classes))
        found = class_places([classes[place].upper() for place in order], classes)
        assert found is None or [order[place] for place in found.places] == list(range(len(classes)))
        assert found is not None or len(classes) < 2
