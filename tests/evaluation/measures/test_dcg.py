"""DCG and exponential nDCG: against the formula."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankdistill.data.candidates import Candidates
from rankdistill.evaluation import dcg, evaluate_per_query

LABEL = st.sampled_from([0.0, 1.0, 2.0, 3.0, 0.5, -1.0, math.nan])


def formula(labels, cutoff, gain):
    total = 0.0
    for rank, label in enumerate(labels, start=1):
        if label > 0 and rank <= cutoff:
            total += (label if gain == "linear" else 2**label - 1) / math.log2(rank + 1)
    return total


@given(st.lists(st.lists(LABEL, max_size=8), max_size=5), st.integers(1, 9), st.sampled_from(["linear", "exp"]))
def test_dcg_equals_the_formula(queries, cutoff, gain):
    offsets = np.concatenate([[0], np.cumsum([len(q) for q in queries], dtype=np.int64)])
    labels = np.array([label for q in queries for label in q], np.float32)
    assert dcg(labels, offsets, cutoff, gain) == pytest.approx([formula(q, cutoff, gain) for q in queries])
    assert dcg(labels, offsets, None, gain) == pytest.approx([formula(q, math.inf, gain) for q in queries])


def test_dcg_ranks_by_score_and_takes_labels_from_the_judgments():
    qrels = Candidates.from_dict({"q": {"a": 3, "b": 1, "c": 2}}, "label")
    run = Candidates.from_dict({"q": {"b": 0.9, "unjudged": 0.8, "a": 0.7}}, "score")
    values = evaluate_per_query(qrels, run, ["DCG", "DCG@2", "DCG(gain=exp)@3", "nDCG(dcg='exp-log2')"])
    linear, exponential = 1 + 3 / 2, 1 + 7 / 2
    assert values["DCG"]["q"] == pytest.approx(linear)
    assert values["DCG@2"]["q"] == pytest.approx(1)
    assert values["DCG(gain=exp)@3"]["q"] == pytest.approx(exponential)
    assert values["nDCG(dcg='exp-log2')"]["q"] == pytest.approx(exponential / (7 + 3 / math.log2(3) + 1 / 2))


def test_exponential_ndcg_of_a_query_without_a_relevant_document_is_0():
    qrels = Candidates.from_dict({"q": {"a": 0}}, "label")
    run = Candidates.from_dict({"q": {"a": 1.0}}, "score")
    assert evaluate_per_query(qrels, run, "nDCG(dcg='exp-log2')@10") == {"nDCG(dcg='exp-log2')@10": {"q": 0.0}}
