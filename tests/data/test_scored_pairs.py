"""Labels of scored pairs: read, refused, written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankdistill.data.scored_pairs import ScoredPairs
from rankdistill.errors import UnknownNameError, UsageError

CLASSES = ScoredPairs("classification", ("entailment", "neutral", "contradiction"))
GRADES = ScoredPairs("classification", ("1", "2", "3"))
RANGE = ScoredPairs("similarity", lowest=0.0, highest=5.0)


@pytest.mark.parametrize(
    ("scored", "text", "label"),
    [
        (CLASSES, "entailment", 0.0),
        (CLASSES, " contradiction ", 2.0),
        (CLASSES, "1", 1.0),
        (CLASSES, "3", None),
        (CLASSES, "-1", None),
        (CLASSES, "1.0", None),
        (CLASSES, "²", None),
        (CLASSES, "Neutral", None),
        (CLASSES, "9" * 5000, None),
        (GRADES, "1", 0.0),
        (GRADES, "3", 2.0),
        (GRADES, "0", None),
        (GRADES, "4", None),
        (ScoredPairs("classification", ("0.5", "other")), "1", None),
        (ScoredPairs("classification", ("nan", "other")), "1", 1.0),
        (RANGE, "3.799999952316284", 3.799999952316284),
        (RANGE, "5", 5.0),
        (RANGE, "5.01", None),
        (RANGE, "-0.1", None),
        (RANGE, "nan", None),
        (RANGE, "", None),
        (RANGE, "good", None),
    ],
)
def test_labels_are_classes_their_numbers_or_numbers_of_the_range(
    scored: ScoredPairs, text: str, label: float | None
) -> None:
    assert scored.label(text) == label


@pytest.mark.parametrize(
    ("scored", "text", "hidden"),
    [
        (CLASSES, "-1", True),
        (RANGE, "-1.0", True),
        (RANGE, "-2", False),
        (GRADES, " -1", True),
        (CLASSES, "", False),
        (ScoredPairs("classification", ("-1", "1")), "-1", False),
        (ScoredPairs("similarity", lowest=-1.0), "-1", False),
        (ScoredPairs("similarity", lowest=-1.0), "-1.0", False),
    ],
)
def test_minus_one_hides_a_label_unless_it_is_one(scored: ScoredPairs, text: str, hidden: bool) -> None:
    assert scored.hides(text) is hidden


def test_what_is_expected_names_numbers_of_classes_only_where_they_are_read() -> None:
    assert CLASSES.expected == "one of the classes entailment, neutral, contradiction, or its number from 0 to 2"
    assert GRADES.expected == "one of the classes 1, 2, 3"


@given(st.floats(0, 5, width=32))
def test_a_written_similarity_is_read_as_it_is_to_six_digits(label: float) -> None:
    assert RANGE.label(RANGE.written(label)) == pytest.approx(label, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("label", [0, 1, 2])
def test_a_written_class_is_read_as_the_same(label: int) -> None:
    assert CLASSES.label(CLASSES.written(label)) == label


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kind": "ranking"}, "unknown kind of scored pairs 'ranking'"),
        ({"kind": "classification", "classes": ("a",)}, "two different classes"),
        ({"kind": "classification", "classes": ("a", "a")}, "two different classes"),
        ({"kind": "similarity", "lowest": 1.0, "highest": 1.0}, "must rise and be finite"),
        ({"kind": "similarity", "highest": float("inf")}, "must rise and be finite"),
        ({"kind": "similarity", "n_texts": 3}, "1 or 2 texts"),
    ],
)
def test_what_cannot_be_is_refused(settings: dict, said: str) -> None:
    with pytest.raises((UnknownNameError, UsageError), match=said):
        ScoredPairs(**settings)
