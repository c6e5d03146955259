"""check: every finding it promises, found where it is and nowhere else."""

import pytest

from rankdistill.data import Collection, Texts
from rankdistill.errors import DataError, UsageError
from rankdistill.evaluation import Conventions
from rankdistill.evaluation.report.check import check

GOOD_RUN = "q1 Q0 a 1 2 t\nq1 Q0 b 2 1 t\nq2 Q0 a 1 1 t\n"
GOOD_QRELS = "q1 0 a 1\nq1 0 b 0\nq2 0 a 2\n"


@pytest.fixture
def found(tmp_path):
    def of(run=GOOD_RUN, qrels=GOOD_QRELS, collection=None, conventions=None):
        (tmp_path / "run").write_text(run)
        (tmp_path / "qrels").write_text(qrels)
        findings = check([tmp_path / "run"], tmp_path / "qrels", collection, conventions=conventions)
        return {(f.file.rsplit("/")[-1], f.level, f.what.split(" (")[0]): (f.count, f.example) for f in findings}

    return of


def test_nothing_is_found_where_nothing_is(found):
    assert found() == {}
    texts = Texts.from_pairs(["a", "b"], ["x", "y"])
    assert found(collection=Collection("c", Texts.from_pairs(["q1", "q2"], ["x", "y"]), texts)) == {}


def test_each_kind_of_fault_is_counted_with_its_first_line(found):
    run = GOOD_RUN + "q1 Q0 a 3 1 t\nq1 Q0 a 3 1 t\nq1 Q0 c nan\nq1 Q0 d 3 nan t\nq1 Q0 e 3 inf t\nq1 Q0 é 3 1 t\n"
    faulty = found(run)
    kinds = {key[2]: value for key, value in faulty.items()}
    assert {what: count for what, (count, _) in kinds.items()} == {
        "duplicate documents in a list": 2,
        "malformed lines": 1,
        "values that are not a finite float32 score": 2,
    }
    assert "run:4: got 'document a again'" in kinds["duplicate documents in a list"][1]
    assert "run:6: got" in kinds["malformed lines"][1]
    assert "run:7: got 'nan'" in kinds["values that are not a finite float32 score"][1]
    assert {level for _, level, _ in faulty} == {"error"}


def test_fractional_grades_and_unknown_forms_are_errors(found):
    [((file, level, what), (count, example))] = found(qrels="q1 0 a 0.9\nq1 0 b 1\nq2 0 a 1.5\n").items()
    assert (file, level, count) == ("qrels", "error", 2)
    assert what == "values that are not an integer grade"
    assert "qrels:1: got '0.9'" in example
    assert found(run="a b\n")["run", "error", "lines of no known form"][0] == 1
    assert found(run="")["run", "error", "lines of no known form"][0] == 1


def test_what_run_and_judgments_lack_of_each_other_is_a_warning_and_nothing_in_common_an_error(found):
    findings = found(qrels="q1 0 a 1\nq1 0 c 0\nq3 0 a 1\nq4 0 a 1\n")
    assert findings["run", "warning", "judged queries that the run lacks, which count as 0"] == (2, "q3")
    assert findings["run", "warning", "queries that are not judged, which are ignored"] == (1, "q2")
    assert found(qrels="7 0 a 1\n") == {("run", "error", "queries in the run, none of them judged"): (2, "q1")}


def test_judgments_that_may_surprise_are_told(found):
    findings = found(qrels="q1 0 a 0\nq1 0 b -1\nq2 0 a 1\n")
    assert findings["qrels", "warning", "queries without a relevant document, which score 0"] == (1, "q1")
    assert findings["qrels", "note", "grades below 0, which count as not relevant"] == (1, "q1")


def test_ranks_that_do_not_follow_the_scores_are_a_warning(found):
    what = "queries whose ranks do not follow their scores; evaluation uses the scores"
    assert found("q1 Q0 a 2 2 t\nq1 Q0 b 1 1 t\nq2 Q0 a 1 1 t\n") == {("run", "warning", what): (1, "q1")}
    assert found("q1 Q0 a 7 2 t\nq1 Q0 b 9 1 t\nq2 Q0 a 1 1 t\n") == {}
    assert found("q1 Q0 b 2 1 t\nq2 Q0 a 1 9 t\nq1 Q0 a 1 2 t\n") == {}
    assert found("q1 Q0 a - 2 t\nq2 Q0 a 1 1 t\n")["run", "warning", "ranks that are not integers"][0] == 1
    zeros = found("q1 Q0 a 0 2 t\nq1 Q0 b 0 1 t\nq2 Q0 a 0 1 t\n")
    assert zeros == {("run", "note", "lines with the same rank, which is none"): (3, "query 'q1', document 'a'")}


def test_what_the_third_column_is_taken_for_is_a_note_and_what_it_may_be_an_error(found):
    note = "lines whose third column is taken for"
    ranks = found("q1\ta\t1\nq1\tb\t2\nq2\ta\t1\n")
    assert ranks == {("run", "note", f"{note} ranks, and -rank as the score"): (3, "q1 a 1")}
    assert found("q1\ta\t9.5\nq1\tb\t2\nq2\ta\t1\n") == {("run", "note", f"{note} scores"): (3, "q1 a 9.5")}
    either = found("q1\ta\t2\nq1\tb\t1\nq2\ta\t1\n")
    [(level, (_, example))] = [(key[1], value) for key, value in either.items()]
    assert level == "error"
    assert "--third-column" in example
    told = found("q1\ta\t2\nq1\tb\t1\nq2\ta\t1\n", conventions=Conventions(third_column="rank"))
    assert told["run", "note", f"{note} ranks, and -rank as the score"] == (3, "q1 a 2")


def test_queries_that_are_their_own_candidates_are_a_warning(found):
    run = "q1 Q0 q1 1 9 t\nq1 Q0 a 2 2 t\nq1 Q0 b 3 1 t\nq2 Q0 a 1 1 t\n"
    what = "queries that are in their own list, by their id; BEIR's evaluation drops them"
    assert found(run) == {("run", "warning", what): (1, "q1")}
    assert found(run, conventions=Conventions(identical_ids="drop")) == {}


def test_a_second_column_with_several_values_is_a_note(found):
    what = "values of the second column"
    assert found(qrels="q1 1 a 1\nq1 2 b 0\nq2 1 a 2\n") == {("qrels", "note", what): (2, "1")}


def test_ties_are_a_note_and_the_measures_that_they_move_a_warning(found):
    findings = found("q1 Q0 a 1 1 t\nq1 Q0 b 2 1 t\nq2 Q0 a 1 1 t\n")
    assert findings["run", "note", "queries with equal scores"] == (1, "q1")
    count, example = findings["run", "warning", "measures that depend on the rule for ties"]
    assert (count, example.split("; ")[1]) == (3, "RR@10 0.7500 or 1.0000")


def test_ids_without_a_text_are_errors(found):
    collection = Collection("mine", Texts.from_pairs(["q1"], ["x"]), Texts.from_pairs(["b", "c"], ["x", "y"]))
    findings = found(collection=collection)
    for file in ("run", "qrels"):
        assert findings[file, "error", "queries without a text in mine"] == (1, "q2")
        assert findings[file, "error", "documents without a text in mine"] == (1, "a")


def test_files_and_measures_that_are_not_there_are_refused(tmp_path):
    with pytest.raises(DataError, match="no file"):
        check([tmp_path / "none"])
    with pytest.raises(UsageError, match="unknown measure"):
        check([], None, measures=["nDGC@10"])
