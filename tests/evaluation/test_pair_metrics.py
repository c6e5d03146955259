"""GLUE's metrics: against their formulas, and what is refused."""

import math

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


def test_what_cannot_be_meant_is_refused():
    with pytest.raises(UnknownNameError, match="metric 'mathews'; did you mean 'matthews'"):
        evaluate_pairs(PREDICTED, LABELS, ["mathews"])
    with pytest.raises(DataError, match=r"got \(7,\), \(8,\)"):
        evaluate_pairs(PREDICTED[1:], LABELS, ["pearson"])
    with pytest.raises(DataError, match="a prediction is NaN"):
        evaluate_pairs([math.nan] * 8, LABELS, ["pearson"])
