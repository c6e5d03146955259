"""ERR: against the formula, and its bound on the labels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankdistill.data.candidates import Candidates
from rankdistill.errors import DataError
from rankdistill.evaluation import evaluate, evaluate_per_query


def formula(labels):
    total = 0.0
    for rank, label in enumerate(labels, start=1):
        term = (2 ** max(label, 0) - 1) / 16
        for before in labels[: rank - 1]:
            term *= 1 - (2 ** max(before, 0) - 1) / 16
        total += term / rank
    return total


@given(st.lists(st.integers(-1, 4), min_size=1, max_size=8), st.integers(1, 9))
def test_err_equals_the_formula(labels, cutoff):
    ids = [f"d{i}" for i in range(len(labels))]
    qrels = Candidates.from_dict({"q": dict(zip(ids, labels, strict=True))}, "label")
    run = Candidates.from_dict({"q": {d: -float(i) for i, d in enumerate(ids)}}, "score")
    values = evaluate_per_query(qrels, run, [f"ERR@{cutoff}", "ERR"])
    assert values[f"ERR@{cutoff}"]["q"] == pytest.approx(formula(labels[:cutoff]))
    assert values["ERR"]["q"] == pytest.approx(formula(labels))


def test_err_refuses_labels_above_its_highest_grade():
    qrels, run = Candidates.from_dict({"q": {"a": 5}}, "label"), Candidates.from_dict({"q": {"a": 1.0}}, "score")
    with pytest.raises(DataError, match="labels up to 4"):
        evaluate(qrels, run, ["ERR@10"])
