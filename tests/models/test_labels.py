"""Which of two labels means relevant is read off their names, or it is not told."""

from __future__ import annotations

import pytest
from transformers import BertConfig

from rankdistill.errors import UsageError
from rankdistill.models.labels import chosen_logit, labels_of, relevant_logit, relevant_of

SECOND = [
    ("not_entailment", "entailment"),
    ("LABEL_0", "LABEL_1"),
    ("no", "yes"),
    ("not relevant", "relevant"),
    ("Irrelevant", "Relevant"),
    ("non-relevant", "Highly Relevant"),
    ("not_duplicate", "duplicate"),
    ("not_equivalent", "equivalent"),
    ("unacceptable", "acceptable"),
    ("dissimilar", "similar"),
    ("contradiction", "entailment"),
    ("negative", "positive"),
    ("False", "True"),
    ("0", "1"),
    ("-1", "1.0"),
    ("not_anything", "anything"),
]


@pytest.mark.parametrize(("irrelevant", "relevant"), SECOND)
def test_names_that_tell_are_read_in_either_order(irrelevant: str, relevant: str) -> None:
    assert relevant_logit([irrelevant, relevant]) == 1
    assert relevant_logit([relevant, irrelevant]) == 0


@pytest.mark.parametrize(
    "labels", [("a", "b"), ("human", "machine"), ("1", "2"), ("nan", "1"), ("yes", "yes"), ("", "")]
)
def test_names_that_do_not_tell_are_not_guessed(labels: tuple[str, str]) -> None:
    assert relevant_logit(labels) is None


def test_tables_of_a_config_that_contradict_each_other_do_not_tell() -> None:
    config = BertConfig(num_labels=2)
    assert (labels_of(config), relevant_of(config)) == (["LABEL_0", "LABEL_1"], 1)
    config.label2id = {"yes": 0, "no": 1}
    assert (labels_of(config), relevant_of(config)) == (["yes", "no"], 0)
    config.id2label = {0: "no", 1: "yes"}
    assert (labels_of(config), relevant_of(config)) == (["no", "yes"], None)


def test_a_label_is_chosen_by_name_by_folded_name_or_by_number() -> None:
    assert [chosen_logit(["Not Good", "good"], choice) for choice in ("good", "not_good", "0", "1")] == [1, 0, 0, 1]
    assert chosen_logit(["1", "0"], "1") == 0
    with pytest.raises(UsageError, match="must be one of 'a' and 'b'"):
        chosen_logit(["a", "b"], "2")
