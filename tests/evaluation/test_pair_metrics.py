"""GLUE's metrics: against their formulas, and what is refused."""

import math
import sys
import warnings

import numpy as np
import pytest

from rankdistill.errors import DataError, MissingExtraError, UnknownNameError
from rankdistill.evaluation import evaluate_pairs
from rankdistill.evaluation.pair_metrics import check_metrics_installed

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


@pytest.mark.parametrize("metric", ["accuracy", "f1", "matthews"])
@pytest.mark.parametrize(("predicted", "labels"), [([0.13, 1], [0, 1]), ([1, 0], [0.13, 1])])
def test_probabilities_are_no_classes(metric, predicted, labels):
    what = "prediction" if predicted[0] == 0.13 else "label"
    with pytest.raises(DataError, match=f"a {what} is 0.13, expected the number of a class, which {metric} compares"):
        evaluate_pairs(predicted, labels, [metric])
    evaluate_pairs(predicted, labels, ["pearson"])


@pytest.mark.parametrize("classes", [[0, 1, 2], [0, 2], [2, 3]])
def test_f1_of_other_classes_than_one_and_another_is_refused(classes):
    with pytest.raises(DataError, match=f"f1 is of class 1 .* got the classes {', '.join(map(str, classes))}: take"):
        evaluate_pairs(classes, classes[::-1], ["f1"])


def test_a_package_that_lacks_is_named_for_what_needs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    check_metrics_installed(["pearson", "spearman"])
    with pytest.raises(MissingExtraError, match=r"the measure f1 .*rankdistill\[glue\]"):
        check_metrics_installed(["pearson", "f1"])


def test_what_cannot_be_meant_is_refused():
    with pytest.raises(UnknownNameError, match="metric 'mathews'; did you mean 'matthews'"):
        evaluate_pairs(PREDICTED, LABELS, ["mathews"])
    with pytest.raises(DataError, match=r"got \(7,\), \(8,\)"):
        evaluate_pairs(PREDICTED[1:], LABELS, ["pearson"])
    with pytest.raises(DataError, match="a prediction is NaN"):
        evaluate_pairs([math.nan] * 8, LABELS, ["pearson"])
