"""Every measure that people can write: computed as its definition says, whatever the ids look like."""

from __future__ import annotations

import math
import sys

import ir_measures
import numpy as np
import pytest

from rankdistill.data import Candidates
from rankdistill.errors import DataError, UsageError
from rankdistill.evaluation import evaluate, evaluate_per_query, parse_measure
from rankdistill.evaluation.measures.outside import DIVERSITY, LARGEST, NEVER, plan, usable

IDS = {
    "plain": ("q{}", "d{}"),
    "of the web track": ("web-{}", "clueweb09-en0000-00-0000{}"),
    "numbers that begin with zeros": ("00{}", "0{}"),
    "numbers as Python writes them": ("1_{}", "1e{}"),
    "not ASCII": ("früge-{}", "文書{}"),
    "with blanks": ("my query {}", "a document {}"),
    "with commas and quotes": ('"a",{}', "'b',{}"),
}
LABELS = {1: {1: 3, 2: 1, 3: 0, 4: 0, 5: 2, 6: -2}, 2: {1: 1, 2: 0}, 3: {1: 0}, 4: {1: 2, 2: 1, 3: 1}}
LISTS = {1: [7, 5, 3, 6, 1, 8, 4], 2: [2, 9, 1], 3: [1, 2], 9: [1]}
"""Documents best first; 4 is judged and not in the run, 9 is in the run and not judged."""


def graded(query, k=None):
    """The labels of a query's candidates, best first; None where unjudged."""
    return [LABELS[query].get(d) for d in LISTS.get(query, [])][:k]


def relevant(query, rel=1, k=None):
    return [label is not None and label >= rel for label in graded(query, k)]


def total(query, rel=1):
    return sum(label >= rel for label in LABELS[query].values())


def gains(labels, exponential=False):
    positive = [max(label or 0, 0) for label in labels]
    return [2**label - 1 if exponential else label for label in positive]


def dcg(labels, exponential=False):
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains(labels, exponential), 1))


def ndcg(query, k=None, exponential=False, mapped=None):
    mapped = mapped or {}
    new = {d: mapped.get(label, label) for d, label in LABELS[query].items()}
    found = [new.get(d) for d in LISTS.get(query, [])][:k]
    ideal = dcg(sorted(new.values(), reverse=True)[:k], exponential)
    return dcg(found, exponential) / ideal if ideal else 0.0


def err(query, k=None):
    value, reached = 0.0, 1.0
    for rank, gain in enumerate(gains(graded(query, k), True), 1):
        value += reached * gain / 16 / rank
        reached *= 1 - gain / 16
    return value


def ap(query, k=None, over=None):
    hits, value = 0, 0.0
    for rank, hit in enumerate(relevant(query, k=k), 1):
        hits += hit
        value += hit * hits / rank
    over = total(query) if over is None else over
    return value / over if over else 0.0


def p(query, k):
    return sum(relevant(query, k=k)) / k


def rr(query, k=None):
    return next((1 / rank for rank, hit in enumerate(relevant(query, k=k), 1) if hit), 0.0)


def set_p(query, rel=1):
    found = relevant(query, rel)
    return sum(found) / len(found) if found else 0.0


def set_r(query, rel=1):
    return sum(relevant(query, rel)) / total(query, rel) if total(query, rel) else 0.0


def set_f(query, beta=1.0):
    """trec_eval's: beta weighs the recall, and is not squared."""
    precision, recall = set_p(query), set_r(query)
    return (1 + beta) * precision * recall / (recall + beta * precision) if precision + recall else 0.0


def iprec(query, recall):
    found = relevant(query)
    reached = [
        sum(found[:k]) / k for k in range(1, len(found) + 1) if sum(found[:k]) >= math.ceil(recall * total(query))
    ]
    return max(reached, default=0.0) if total(query) else 0.0


def bpref(query):
    """Buckley & Voorhees 2004, as in trec_eval: judged and not relevant documents above, of at most R or N."""
    found, value, above = graded(query), 0.0, 0
    n_relevant, n_other = total(query), len(LABELS[query]) - total(query)
    for label in found:
        if label is not None and label >= 1:
            value += 1 - (min(above, n_relevant) / min(n_relevant, n_other) if above else 0)
        elif label is not None:
            above += 1
    return value / n_relevant if n_relevant else 0.0


def accuracy(query):
    found = relevant(query)
    pairs = [(a, b) for a, hit in enumerate(found) for b, other in enumerate(found) if hit and not other]
    return sum(a < b for a, b in pairs) / len(pairs) if pairs else math.nan


def compat(query, depth_p=0.95):
    found = LISTS.get(query, [])
    ideal = sorted(
        (d for d, label in LABELS[query].items() if label > 0),
        key=lambda d: (-LABELS[query][d], found.index(d) if d in found else 99),
    )

    def rbo(ranking):
        depth = max(len(found), len(ideal))
        overlap = [len(set(ranking[: i + 1]) & set(ideal[: i + 1])) / (i + 1) for i in range(depth)]
        return sum(depth_p**i * share for i, share in enumerate(overlap))

    return rbo(found) / rbo(ideal) if ideal and found else 0.0


EXPECTED = {
    "nDCG@3": lambda q: ndcg(q, 3),
    "nDCG": ndcg,
    "nDCG(dcg='exp-log2')@3": lambda q: ndcg(q, 3, True),
    "nDCG(dcg='exp-log2')": lambda q: ndcg(q, None, True),
    "nDCG(gains={1: 5, 3: 4})@3": lambda q: ndcg(q, 3, mapped={1: 5, 3: 4}),
    "DCG@3": lambda q: dcg(graded(q, 3)),
    "DCG(gain=exp)": lambda q: dcg(graded(q), True),
    "ERR@3": lambda q: err(q, 3),
    "ERR": err,
    "AP": ap,
    "AP@5": lambda q: ap(q, 5),
    "P@5": lambda q: p(q, 5),
    "R@5": lambda q: sum(relevant(q, k=5)) / total(q) if total(q) else 0.0,
    "RR": rr,
    "MRR@3": lambda q: rr(q, 3),
    "Rprec": lambda q: p(q, total(q)) if total(q) else 0.0,
    "Success@2": lambda q: float(any(relevant(q, k=2))),
    "Judged@3": lambda q: sum(x is not None for x in graded(q, 3)) / len(graded(q, 3)) if graded(q, 3) else 0.0,
    "NumQ": lambda q: 1,
    "NumRel": total,
    "NumRel(rel=2)": lambda q: total(q, 2),
    "NumRet": lambda q: len(LISTS.get(q, [])),
    "NumRet(rel=2)": lambda q: sum(relevant(q, 2)),
    "SetP": set_p,
    "SetP(rel=2)": lambda q: set_p(q, 2),
    "SetP(relative=True)": lambda q: sum(relevant(q)) / (min(len(graded(q)), total(q)) or 1),
    "SetR": set_r,
    "SetF": set_f,
    "SetF(beta=0.5)": lambda q: set_f(q, 0.5),
    "SetF(beta=2)": lambda q: set_f(q, 2.0),
    "SetAP": lambda q: set_p(q) * set_r(q),
    "IPrec@0.5": lambda q: iprec(q, 0.5),
    "IPrec@0.25": lambda q: iprec(q, 0.25),
    "Bpref": bpref,
    "Compat": compat,
    "Accuracy": accuracy,
}
OTHERWISE_TESTED = {"PNR", "Interleaving", "infAP"}
"""In files of their own; infAP is an estimate, whose value for a full pool is that of AP (below)."""


def files(query_form, document_form):
    labels = {
        query_form.format(q): {document_form.format(d): y for d, y in documents.items()}
        for q, documents in LABELS.items()
    }
    lists = {
        query_form.format(q): {document_form.format(d): -float(rank) for rank, d in enumerate(documents)}
        for q, documents in LISTS.items()
    }
    return Candidates.from_dict(labels, "label"), Candidates.from_dict(lists, "score")


@pytest.mark.parametrize("forms", IDS.values(), ids=IDS)
@pytest.mark.filterwarnings("ignore::rankdistill.evaluation.EvaluationWarning")
def test_every_measure_is_its_definition_whatever_the_ids(forms):
    values = evaluate_per_query(*files(*forms), list(EXPECTED))
    for name, expected in EXPECTED.items():
        wanted = {forms[0].format(query): expected(query) for query in LABELS}
        assert values[name] == pytest.approx(wanted, nan_ok=True, abs=1e-6), name


@pytest.mark.filterwarnings("ignore::rankdistill.evaluation.EvaluationWarning")
def test_the_means_are_over_all_judged_queries_for_which_the_measure_is_defined():
    values = evaluate(*files(*IDS["of the web track"]), list(EXPECTED))
    for name, expected in EXPECTED.items():
        each = [value for value in map(expected, LABELS) if not math.isnan(value)]
        total = sum(each) if name.startswith("Num") else sum(each) / len(each)
        assert values[name] == pytest.approx(total, abs=1e-6), name


def test_no_measure_is_left_out_of_the_table():
    named = {str(parse_measure(name).NAME) for name in EXPECTED}
    computed = {str(m.NAME) for provider in usable() if provider.is_available() for m in provider.SUPPORTED_MEASURES}
    if not ir_measures.cwl_eval.is_available():
        assert computed - DIVERSITY - OTHERWISE_TESTED == named


def test_inferred_ap_of_a_full_pool_is_ap():
    labels = Candidates.from_dict({"web-1": {f"d{i}": i % 3 for i in range(12)}}, "label")
    run = Candidates.from_dict({"web-1": {f"d{i}": -float(i) for i in range(12)}}, "score")
    values = evaluate(labels, run, ["infAP", "AP"])
    assert values["infAP"] == pytest.approx(values["AP"], abs=1e-4)


# -- what providers get ------------------------------------------------------------------------------------------------


class Recorder:
    """Keeps what a provider is asked to compute, and lets the provider compute it."""

    def __init__(self, provider):
        self.provider, self.seen = provider, []

    def iter_calc(self, measures, qrels, run):
        self.seen.append((list(measures), qrels, run))
        return self.provider.iter_calc(measures, qrels, run)


@pytest.fixture
def recorded(monkeypatch):
    recorder = Recorder(ir_measures.pytrec_eval)
    chosen = [(recorder, [parse_measure("Bpref")])]
    monkeypatch.setattr(sys.modules["rankdistill.evaluation.evaluate"], "plan", lambda measures: chosen)
    return recorder.seen


@pytest.mark.filterwarnings("ignore::rankdistill.evaluation.EvaluationWarning")
def test_providers_get_codes_and_no_grade_below_zero(recorded):
    evaluate(*files(*IDS["not ASCII"]), "Bpref")
    [(_, qrels, run)] = recorded
    assert {grade for documents in qrels.values() for grade in documents.values()} == {0, 1, 2, 3}
    assert [len(documents) for documents in qrels.values()] == [len(documents) for documents in LABELS.values()]
    for lists in (qrels, run):
        assert all(text.isascii() and text[1:].isdigit() for q, documents in lists.items() for text in (q, *documents))
    assert all(place > 0 for documents in run.values() for place in documents.values())


@pytest.mark.parametrize(
    ("label", "said"), [(LARGEST + 1.0, "grades up to 65,536: map the labels"), (0.5, "takes integer grades")]
)
def test_grades_that_a_provider_could_not_hold_never_reach_it(recorded, label, said):
    labels = Candidates.from_dict({"q": {"a": label, "b": 0}}, "label")
    with pytest.raises(DataError, match=said):
        evaluate(labels, Candidates.from_dict({"q": {"a": 1.0}}, "score"), "Bpref")
    assert recorded == []


def test_a_value_that_is_not_finite_or_lacking_is_an_error(monkeypatch):
    class Odd:
        NAME = "odd"

        def iter_calc(self, measures, qrels, run):
            yield from (ir_measures.Metric("q0", measure, math.nan) for measure in measures)

    measure = parse_measure("Bpref")
    monkeypatch.setattr(sys.modules["rankdistill.evaluation.evaluate"], "plan", lambda measures: [(Odd(), [measure])])
    labels, run = files(*IDS["plain"])
    with pytest.raises(UsageError, match="odd of ir_measures gives no finite Bpref for 4 queries, the first is 'q1'"):
        evaluate(labels, run, "Bpref")


@pytest.mark.parametrize(
    "name", ["ERR@20", "ERR", "nDCG(dcg='exp-log2')@10", "nDCG(dcg='exp-log2',judged_only=True)@5"]
)
def test_err_and_exponential_gains_are_computed_here(name):
    [(provider, _)] = plan([parse_measure(name)])
    assert provider.NAME == "rankdistill"
    assert not {provider.NAME for provider in usable()} & set(NEVER)


@pytest.mark.parametrize("name", ["alpha_nDCG@10", "MAP_IA", "ERR_IA@20", "StRecall@10", "P_IA@5", "NRBP", "AP_IA"])
def test_measures_of_subtopics_are_refused_whatever_is_installed(name, monkeypatch):
    monkeypatch.setattr(ir_measures.pyndeval, "_is_available", True)
    with pytest.raises(UsageError, match="needs judgments by subtopic"):
        parse_measure(name)


@pytest.mark.parametrize("name", ["nDCG(dcg='exp-log2')@10", "DCG(gain=exp)", "Interleaving(against='{}')"])
def test_exponential_gains_of_counts_are_refused_and_linear_ones_exact(name, tmp_path):
    labels = Candidates.from_dict({"q": {"a": 5000, "b": 3}}, "label")
    run = Candidates.from_dict({"q": {"b": 2.0, "a": 1.0}}, "score")
    (tmp_path / "run").write_text("q Q0 a 1 1 t\n")
    with pytest.raises(DataError, match="takes labels up to 900, got 5000"):
        evaluate(labels, run, name.format(tmp_path / "run"))
    assert evaluate(labels, run, "DCG")["DCG"] == pytest.approx(3 + 5000 / np.log2(3))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("IPrec@0.123", "recall cannot be 0.123, expected 0 to 1 in hundredths"),
        ("IPrec@1.5", "recall cannot be 1.5"),
        ("SetF(beta=-1)", "beta cannot be -1.0"),
        ("nDCG(gains={1: 0.5})@10", "expected {grade: gain} of integers"),
        ("nDCG(gains={'1': 5})@10", "expected {grade: gain} of integers"),
    ],
)
def test_parameters_that_providers_would_misread_are_refused(name, said):
    with pytest.raises(UsageError, match=said):
        parse_measure(name)
