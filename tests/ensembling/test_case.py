"""The case view: the paper's own case, and what is counted."""

import numpy as np
import pytest

from rankdistill.data import Candidates
from rankdistill.ensembling import pile
from rankdistill.ensembling.case import case
from rankdistill.errors import DataError

PAPER = {"t1": [0.0589, 0.0271], "t2": [0.1923, 0.0331], "t3": [0.1057, 0.0983], "label": [0.0, 3.0]}


def test_the_papers_case_is_put_in_order():
    made = Candidates.from_rows(["q", "q"], ["low", "high"], PAPER)
    found = case(made, ["t1", "t2", "t3"], "q")
    assert found.doc_ids == ["high", "low"]
    np.testing.assert_allclose(found.scores["mean"], [0.0528, 0.1190], atol=1e-4)
    np.testing.assert_allclose(found.scores["pile"], [0.09375, 0.0860], atol=1e-4)
    assert found.reversed_pairs == {"t1": 1, "t2": 1, "t3": 1, "mean": 1, "pile": 0}
    assert found.pairs == 1


def test_scores_are_those_of_the_ensemble_and_pairs_are_of_judged_candidates():
    rng = np.random.default_rng(0)
    queries, documents = ["a"] * 8 + ["b"] * 8, [f"d{i}" for i in range(8)] * 2
    columns = {name: rng.normal(size=16) for name in ("t1", "t2")} | {"label": rng.integers(0, 3, 16).astype(float)}
    columns["label"][[2, 9]] = np.nan
    made = Candidates.from_rows(queries, documents, columns)
    found = case(made, ["t1", "t2"], "b", seed=3)
    whole = pile(np.array([made["t1"], made["t2"]]), made["label"], made.offsets, seed=3, query_ids=["a", "b"])
    by_document = dict(zip(documents[8:], whole[8:], strict=True))
    np.testing.assert_allclose(found.scores["pile"], [by_document[d] for d in found.doc_ids], rtol=1e-5)
    y = found.labels
    pairs = [(i, j) for i in range(8) for j in range(8) if y[i] > y[j]]
    assert found.pairs == len(pairs)
    for name, scores in found.scores.items():
        assert found.reversed_pairs[name] == sum(scores[i] < scores[j] for i, j in pairs)
    known = y[~np.isnan(y)]
    assert list(known) == sorted(known, reverse=True)
    with pytest.raises(DataError, match="query 'c' is not among the 2 queries"):
        case(made, ["t1", "t2"], "c")
