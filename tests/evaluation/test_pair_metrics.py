"""GLUE's metrics: against their formulas, and what is refused."""

import math
import warnings

import numpy as np
import pytest

from rankdistill.errors import DataError, UnknownNameError
from rankdistill.evaluation import evaluate_pairs

LABELS = [1, 1, 1, 0, 0, 0, 0, 1]
PREDICTED = [1, 1, 0, 0, 0, 1, 0, 0]


def test_metrics_of_classes_are_their_formulas():
    pytest.importorskip("sklearn")
    hits, false, missed, right = 2, 1, 2, 3
    values = evaluate_pairs(PREDICTED, LABELS, ["accuracy", "f1", "matthews"])
    assert values["accuracy"] == 5 / 8
    assert values["f1"] == pytest.approx(2 * hits / (2 * hits + false + missed))
    product = (hits + false) * (hits + missed) * (right + false) * (right + missed)
    assert values["matthews"] == pytest.approx((hits * right - false * missed) / math.sqrt(product))


def test_correlations_are_numpys_and_that_of_ranks():
    rng = np.random.default_rng(0)
    wanted = rng.normal(size=50)
    predicted = np.exp(wanted) + rng.normal(size=50, scale=0.3)
    values = evaluate_pairs(predicted, wanted, ["pearson", "spearman"])
    assert values["pearson"] == pytest.approx(np.corrcoef(predicted, wanted)[0, 1])
    ranks = [np.argsort(np.argsort(x)) for x in (predicted, wanted)]
    assert values["spearman"] == pytest.approx(np.corrcoef(*ranks)[0, 1])
    assert evaluate_pairs([2.0, 2.0], [1.0, 3.0], ["pearson", "spearman"]) == {"pearson": 0.0, "spearman": 0.0}


def test_hidden_labels_are_no_labels():
    pytest.importorskip("sklearn")
    for metrics in (["accuracy", "matthews"], ["pearson"]):
        with pytest.raises(DataError, match="all 8 labels are -1, which means that they are hidden"):
            evaluate_pairs(PREDICTED, [-1] * 8, metrics)
    half = [-1, 1, -1, 0, 0, -1, 0, 1]
    with pytest.warns(UserWarning, match="3 of 8 pairs have the label -1"):
        values = evaluate_pairs(PREDICTED, half, ["accuracy"])
    assert values == {"accuracy": sum(p == y for p, y in zip(PREDICTED, half, strict=True) if y >= 0) / 5}
    assert evaluate_pairs([1, 0], [9, 0], ["accuracy"], hidden=9.5) == {"accuracy": 0.5}


@pytest.mark.parametrize(
    ("predicted", "labels", "hidden"), [([-1, 1, 1, -1], [-1, 1, -1, 1], -1), ([1, 1], [-1, 1], None)]
)
def test_a_label_of_minus_one_that_is_a_class_is_one(predicted, labels, hidden):
    pytest.importorskip("sklearn")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert evaluate_pairs(predicted, labels, ["accuracy"], hidden=hidden) == {"accuracy": 0.5}


def test_numbers_below_zero_are_ordinary_in_a_correlation_of_such_numbers():
    labels = [-1.0, -0.5, 0.0, 2.0]
    assert evaluate_pairs([1.0, 2.0, 3.0, 4.0], labels, ["spearman"]) == {"spearman": 1.0}


def test_labels_that_are_words_are_refused():
    with pytest.raises(DataError, match="a label is no number"):
        evaluate_pairs([1, 0], ["entailment", "neutral"], ["accuracy"])


def test_what_cannot_be_meant_is_refused():
    with pytest.raises(UnknownNameError, match="metric 'mathews'; did you mean 'matthews'"):
        evaluate_pairs(PREDICTED, LABELS, ["mathews"])
    with pytest.raises(DataError, match=r"got \(7,\), \(8,\)"):
        evaluate_pairs(PREDICTED[1:], LABELS, ["pearson"])
    with pytest.raises(DataError, match="a prediction is NaN"):
        evaluate_pairs([math.nan] * 8, LABELS, ["pearson"])
