"""Evaluating a run: what counts, what does not, and what is said about it."""

import math
import warnings

import numpy as np
import pytest

from rankdistill.data.candidates import Candidates
from rankdistill.errors import DataError, UnknownNameError, UsageError
from rankdistill.evaluation import (
    Conventions,
    EvaluationWarning,
    evaluate,
    evaluate_per_query,
    evaluation,
    parse_measure,
)

QRELS = {"q1": {"a": 2, "b": 0, "c": 1}, "q2": {"a": 1, "b": 0}}
RUN = {"q1": {"a": 3.0, "b": 2.0, "c": 1.0, "x": 9.0}, "q2": {"b": 2.0, "a": 1.0}}


def qrels(lists=QRELS):
    return Candidates.from_dict(lists, "label")


def run(lists=RUN):
    return Candidates.from_dict(lists, "score")


def test_values_go_by_the_measures_as_given():
    values = evaluate(qrels(), run(), ["MRR@10", parse_measure("nDCG@10"), "nDCG@10", "PNR"])
    assert list(values) == ["MRR@10", "nDCG@10", "PNR"]
    assert values["MRR@10"] == pytest.approx(1 / 2)
    assert values["PNR"] == 2 / 2  # a>b, a>c against c<b, and a<b in q2
    assert all(type(value) is float for value in values.values())


def test_unjudged_candidates_are_in_no_pair_where_a_judgment_is_zero():
    assert math.isnan(evaluation(qrels(), run({"q1": {"x": 9.0, "a": 1.0}}), ["PNR"]).values["PNR"])


def test_unjudged_candidates_are_irrelevant_where_all_judgments_are_of_relevant_documents():
    sparse = qrels({"q1": {"a": 1}, "q2": {"a": 3}})
    assert evaluate(sparse, run({"q1": {"x": 9.0, "a": 1.0}, "q2": {"a": 2.0, "y": 1.0}}), ["PNR"]) == {"PNR": 1.0}


@pytest.mark.parametrize(
    ("lists", "said"),
    [
        (QRELS, "1 of 6 candidates are unjudged and are in no pair of PNR (unjudged=missing)"),
        ({"q1": {"a": 2, "c": 1}, "q2": {"a": 1}}, "3 of 6 candidates are unjudged and count as irrelevant, grade 0"),
    ],
)
def test_the_notes_say_what_unjudged_candidates_are_where_pnr_is_measured(lists, said):
    assert said in evaluation(qrels(lists), run(), ["PNR"]).notes[0]
    assert evaluation(qrels(lists), run(), ["nDCG@10"]).notes == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluate(qrels(lists), run(), ["PNR"])


def test_a_run_of_several_columns_needs_the_name_of_one():
    both = run().with_columns(model=run()["score"] * -1)
    with pytest.raises(UsageError, match=r"expected one column of scores, got score, model"):
        evaluate(qrels(), both, ["RR"])
    assert evaluate(qrels(), both, ["RR"], by="score") == evaluate(qrels(), run(), ["RR"])


def test_a_judgment_without_a_label_is_none():
    labelled = qrels({"q1": {"a": 1, "b": math.nan}, "q2": {"c": math.nan}})
    missing = Conventions(unjudged="missing")
    measures = ["PNR", "nDCG@10", "Judged@10"]
    result = evaluation(labelled, run({"q1": {"b": 2.0, "a": 1.0}}), measures, conventions=missing)
    assert result.queries == 1
    assert result.values["Judged@10"] == 0.5
    assert math.isnan(result.values["PNR"])


def test_a_judged_query_missing_from_the_run_counts_as_0_and_is_counted():
    measures = ["nDCG@10", "RR", "RR@10", "AP", "DCG@10", "ERR@10", "Judged@10", "PNR(avg=macro)"]
    run_of_one = run({"q1": {"a": 1.0, "b": 0.5}})
    with pytest.warns(EvaluationWarning, match="1 of 2 judged queries are not in the run and count as 0"):
        values = evaluate(qrels(), run_of_one, measures)
    with pytest.warns(EvaluationWarning):
        per_query = evaluate_per_query(qrels(), run_of_one, measures)
    for measure in measures:
        assert per_query[measure]["q2"] == 0
        assert values[measure] == pytest.approx(per_query[measure]["q1"] / 2)
    assert evaluation(qrels(), run_of_one, measures).missing_queries == 1


def test_a_missing_query_adds_no_pairs_to_the_pooled_ratio():
    assert evaluation(qrels(), run({"q1": {"a": 1.0, "b": 2.0, "c": 0.0}}), "PNR").values == {"PNR": 1 / 2}


def test_queries_that_are_not_judged_are_ignored_and_counted():
    more = {**RUN, "q3": {"a": 1.0}, "q4": {"a": 1.0}}
    with pytest.warns(EvaluationWarning, match="2 queries of the run are not among the judged queries and are ignored"):
        values = evaluate(qrels(), run(more), ["nDCG@10", "PNR", "RR@10"])
    assert values == evaluate(qrels(), run(), ["nDCG@10", "PNR", "RR@10"])
    assert evaluation(qrels(), run(more), "PNR").unjudged_queries == 2


def test_nothing_is_warned_of_where_run_and_judgments_match():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        evaluate(qrels(), run(), ["nDCG@10", "PNR"])


def test_queries_without_a_reversed_pair_are_counted_for_the_macro_average():
    ordered = run({"q1": {"a": 3.0, "c": 2.0, "b": 1.0}, "q2": {"b": 2.0, "a": 1.0}})
    result = evaluation(qrels(), ordered, ["PNR", "PNR(avg=macro)"])
    assert result.values == {"PNR": 3 / 1, "PNR(avg=macro)": (3 / 1 + 0 / 1) / 2}
    assert result.unreversed_queries == 1
    assert result.per_query["PNR"] == {"q1": 3.0, "q2": 0.0}
    assert evaluation(qrels(), ordered, ["PNR"]).unreversed_queries is None


def test_the_column_that_is_named_is_evaluated():
    both = run().with_columns(other=-run()["score"])
    reversed_run = run({q: {d: -s for d, s in docs.items()} for q, docs in RUN.items()})
    assert evaluate(qrels(), both, "RR", by="other") == evaluate(qrels(), reversed_run, "RR")


def test_the_order_of_rows_and_queries_does_not_matter():
    shuffled = {q: dict(reversed(docs.items())) for q, docs in reversed(RUN.items())}
    measures = ["nDCG@10", "RR@10", "PNR", "DCG", "ERR", "AP", "Judged@10"]
    assert evaluate(qrels(), run(shuffled), measures) == evaluate(qrels(), run(), measures)


def test_ties_go_to_the_larger_document_id_in_byte_order():
    judged = qrels({"q": {"d10": 0, "d9": 1, "é": 0}})
    tied = run({"q": {"d10": 1.0, "d9": 1.0, "é": 1.0}})
    assert evaluate(judged, tied, ["RR", "DCG"]) == {"RR": 1 / 2, "DCG": pytest.approx(1 / math.log2(3))}


def test_the_rule_for_ties_holds_for_all_measures_of_a_run():
    judged, tied = qrels({"q": {"a": 1, "b": 0, "c": 0}}), run({"q": {"b": 1.0, "a": 1.0, "c": 1.0}})
    measures = ["RR", "RR@10", "P@1", "Bpref", "DCG@1", "Compat"]
    for ties, rank in (("trec", 3), ("docid-asc", 1), ("rank", 2)):
        values = evaluate(judged, tied, measures, conventions=Conventions(ties=ties))
        assert values["RR"] == values["RR@10"] == 1 / rank, ties
        assert values["P@1"] == values["DCG@1"] == float(rank == 1), ties
    first, last = (
        evaluate(judged, tied, measures, conventions=Conventions(ties=ties)) for ties in ("docid-asc", "trec")
    )
    assert first["Bpref"] > last["Bpref"]
    assert first["Compat"] > last["Compat"]
    with pytest.raises(UnknownNameError, match="'docid'; did you mean 'docid-asc'"):
        Conventions(ties="docid")  # type: ignore[arg-type]


def test_scores_equal_in_float32_are_tied():
    judged, scores = qrels({"q": {"a": 1, "b": 0}}), {"q": {"a": 1.0 + 1e-12, "b": 1.0}}
    assert evaluate(judged, run(scores), ["RR", "DCG"]) == {"RR": 1 / 2, "DCG": pytest.approx(1 / math.log2(3))}


def test_a_query_without_a_relevant_document_scores_0():
    assert evaluate(qrels({"q": {"a": 0}}), run({"q": {"a": 1.0}}), ["nDCG@10", "AP", "RR", "RR@10", "ERR"]) == {
        "nDCG@10": 0.0,
        "AP": 0.0,
        "RR": 0.0,
        "RR@10": 0.0,
        "ERR": 0.0,
    }


def test_fractional_labels_are_refused_where_grades_are_needed_and_taken_where_not():
    judged = qrels({"q": {"a": 0.9, "b": 0.1}})
    for measure in ("RR@10", "AP", "Bpref"):
        with pytest.raises(DataError, match=r"label 0.8999.* of query 'q', document 'a' \(2 such .*integer grades"):
            evaluate(judged, run({"q": {"a": 1.0}}), [measure])
    assert evaluate(judged, run({"q": {"a": 1.0, "b": 2.0}}), ["PNR", "DCG@1", "nDCG@1"]) == {
        "PNR": 0.0,
        "DCG@1": pytest.approx(0.1),
        "nDCG@1": pytest.approx(1 / 9),
    }


@pytest.mark.parametrize("score", [math.nan, math.inf])
def test_a_score_that_is_missing_or_infinite_is_an_error_that_names_it(score):
    with pytest.raises(DataError, match="query 'q2', document 'b' in column 'score'"):
        evaluate(qrels(), run({"q1": {"a": 1.0}, "q2": {"b": score}}), ["nDCG@10"])


def test_judgments_of_other_queries_are_an_error():
    with pytest.raises(
        DataError, match=r"none of the run's 2 queries \('q1', 'q2'\) is judged, the qrels judge '7': do these"
    ):
        evaluate(qrels({"7": {"a": 1}}), run(), ["nDCG@10"])


def test_an_empty_run_and_empty_judgments_are_errors():
    empty = run().take_rows(np.zeros(len(run()), bool))
    with pytest.raises(DataError, match="0 queries"):
        evaluate(qrels(), empty, ["nDCG@10"])
    with pytest.raises(DataError, match="no judgment"):
        evaluate(qrels({"q": {"a": math.nan}}), run(), ["nDCG@10"])


def test_columns_that_are_not_there_are_errors():
    with pytest.raises(UnknownNameError, match="column 'bm52'; did you mean 'bm25'"):
        evaluate(qrels(), Candidates.from_dict(RUN, "bm25"), ["nDCG@10"], by="bm52")
    with pytest.raises(UnknownNameError, match="column 'label'"):
        evaluate(run(), run(), ["nDCG@10"])
    with pytest.raises(UsageError, match="expected one column of scores, got none"):
        evaluate(qrels(), run().only_columns(), ["nDCG@10"])


def test_a_measure_that_nothing_installed_computes_is_an_error():
    with pytest.raises(UsageError, match="nothing installed computes the measure"):
        evaluate(qrels(), run(), ["RBP"])


def test_a_level_at_which_what_nobody_judged_is_relevant_is_an_error():
    for measure in ("AP(rel=0)", "P(rel=-1)@5"):
        with pytest.raises(UsageError, match="expected a level of at least 1"):
            evaluate(qrels(), run(), [measure])


def test_what_trec_eval_refuses_is_an_error_with_its_reason():
    with pytest.raises(UsageError, match=r"Bpref\(rel=0\): relevance begins at 0, expected a level of at least 1"):
        evaluate(qrels(), run(), ["Bpref(rel=0)"])


def test_unjudged_candidates_are_in_no_pair_or_of_grade_zero_as_told() -> None:
    qrels = Candidates.from_rows(["q", "q"], ["a", "b"], {"label": [2.0, 0.0]})
    run = Candidates.from_rows(["q"] * 4, ["a", "b", "c", "d"], {"score": [3.0, 4.0, 2.0, 5.0]})
    assert evaluate(qrels, run, ["PNR"]) == {"PNR": 0.0}, "a below b is the only judged pair"
    assert evaluate(qrels, run, ["PNR"], conventions=Conventions(unjudged="irrelevant")) == {"PNR": 0.5}, (
        "a above c, below b and d"
    )
    for measure in ("nDCG@10", "RR@10", "AP"):
        assert evaluate(qrels, run, [measure]) == evaluate(
            qrels, run, [measure], conventions=Conventions(unjudged="irrelevant")
        )
    with pytest.raises(UnknownNameError, match=r"'irrelevnt'.*irrelevant"):
        Conventions(unjudged="irrelevnt")  # type: ignore[arg-type]


# -- a query's own document --------------------------------------------------------------------------------------------


def arguments(prefix, *, judged=False):
    """Three queries, two of which find themselves, first, before the relevant document."""
    names = [f"{prefix}{i}" for i in (1, 2, 3)]
    labels = {name: {f"{name}0": 1} | ({name: 1} if judged else {}) for name in names}
    lists = {name: {name: 9.0, f"{name}0": 1.0} for name in names[:2]} | {names[2]: {f"{names[2]}0": 1.0}}
    return qrels(labels), run(lists)


@pytest.mark.parametrize("prefix", ["arg-", "2"])
def test_a_query_among_its_own_candidates_is_told_and_dropped_on_request_as_by_beir(prefix):
    labels, lists = arguments(prefix)
    with pytest.warns(EvaluationWarning, match="2 of 3 queries have themselves, by their id, in their list.*drop"):
        assert evaluate(labels, lists, "RR@10") == {"RR@10": pytest.approx(2 / 3)}
    drop = Conventions(identical_ids="drop")
    with pytest.warns(EvaluationWarning, match="2 of 3 queries have themselves, by their id, in the run.*dropped"):
        assert evaluate(labels, lists, ["RR@10", "P@1", "SetP"], conventions=drop) == {"RR@10": 1, "P@1": 1, "SetP": 1}


def test_a_query_that_is_judged_relevant_to_itself_is_no_mistake():
    assert evaluation(*arguments("arg-", judged=True), "RR@10").notes == []


def test_ids_that_are_numbers_may_be_the_same_by_chance():
    lists = {str(q): {str(d): float(-d) for d in range(1, 8)} for q in range(2, 8)}
    assert evaluation(qrels({q: {"99": 1, "2": 1} for q in lists}), run(lists), "RR@10").own_documents == 0
    named = {f"q{q}": {f"q{d}": score for d, score in documents.items()} for q, documents in lists.items()}
    assert evaluation(qrels({q: {"99": 1} for q in named}), run(named), "RR@10").own_documents == 6


def test_labels_that_float32_rounds_are_refused():
    for label in (2.0**25, float("inf"), -float("inf")):
        with pytest.raises(DataError, match=r"label .* of query 'q1', document 'a'.*16,777,216"):
            evaluate(qrels({"q1": {"a": label}}), run({"q1": {"a": 1.0}}), "nDCG@10")


def test_scores_that_order_nothing_are_told():
    empty = Candidates(["q0", "q1", "q2"], [0, 0, 2, 2], ["a", "b"], {"score": [2.0, 1.0]})
    assert not evaluation(qrels(), empty, "RR@10").unordered
    equal = run({"q1": {"a": 0.0, "b": 0.0}, "q2": {"a": 1.0, "b": 1.0}})
    assert "all scores of each list are equal" in evaluation(qrels(), equal, "RR@10").notes[0]
    for lists in ({"q1": {"a": 0.0, "b": 0.5}, "q2": {"a": 1.0, "b": 1.0}}, {"q1": {"a": 1.0}, "q2": {"b": 1.0}}):
        assert evaluation(qrels(), run(lists), "RR@10").notes == []
