"""The leaderboard: its rows, its comparison with a baseline, its file, and the runs of a folder."""

import gzip
import json
import math
import shutil
import warnings

import numpy as np
import pytest

from rankdistill.data import read_qrels, read_run, write_run
from rankdistill.data.candidates import Candidates
from rankdistill.data.parts import write_parts
from rankdistill.errors import DataError, UnknownNameError, UsageError
from rankdistill.evaluation import (
    Conventions,
    as_html,
    compare,
    evaluate,
    evaluate_per_query,
    find_runs,
    holm,
    leaderboard,
)
from rankdistill.evaluation.report.tables import export

MEASURES = ["nDCG@10", "RR@10", "PNR"]
N_QUERIES = 30


def labels():
    rng = np.random.default_rng(0)
    return {f"q{i}": {f"d{j}": int(rng.integers(0, 4)) for j in range(12)} for i in range(N_QUERIES)}


def system(noise: float) -> Candidates:
    """A run that scores by the labels and as much noise as said."""
    rng = np.random.default_rng(1)
    lists = {q: {d: y + noise * rng.normal() for d, y in docs.items()} for q, docs in labels().items()}
    return Candidates.from_dict(lists, "score")


@pytest.fixture
def qrels():
    return Candidates.from_dict(labels(), "label")


@pytest.fixture
def systems():
    return {"bm25": system(9.0), "teacher1": system(1.0), "student": system(1.5)}


def test_rows_are_flat_best_first_and_hold_what_evaluate_says(systems, qrels):
    board = leaderboard(systems, qrels, extra={"student": {"parameters": 10, "pairs_per_second": 2.5, "layers": 2}})
    assert [row["system"] for row in board.rows] == ["teacher1", "student", "bm25"]
    for row in board.rows:
        assert {m: row[m] for m in MEASURES} == evaluate(qrels, systems[row["system"]], MEASURES)
        assert (row["queries"], row["missing_queries"]) == (N_QUERIES, 0)
    student = board.rows[1]
    assert (student["parameters"], student["pairs_per_second"], student["layers"]) == (10, 2.5, 2)
    assert (board.rows[0]["parameters"], board.rows[0]["pairs_per_second"]) == (None, None)
    assert list(board.rows[0])[:6] == ["system", *MEASURES, "parameters", "pairs_per_second"]


@pytest.mark.parametrize("test", ["t", "fisher"])
def test_p_values_are_against_the_baseline_and_corrected_by_holm(systems, qrels, test):
    board = leaderboard(systems, qrels, baseline="bm25", test=test)
    rows = {row["system"]: row for row in board.rows}
    values = {name: evaluate_per_query(qrels, run, ["nDCG@10"])["nDCG@10"] for name, run in systems.items()}
    raw = [compare(values[name], values["bm25"], test).p_value for name in ("teacher1", "student")]
    assert [rows[name]["p(nDCG@10)"] for name in ("teacher1", "student")] == holm(raw).tolist()
    assert rows["bm25"]["p(nDCG@10)"] is None
    assert board.comparisons["student"]["nDCG@10"].wins > board.comparisons["student"]["nDCG@10"].losses


def test_the_test_of_pooled_pnr_is_of_the_difference_shown(systems, qrels):
    board = leaderboard(systems, qrels, baseline="bm25")
    rows = {row["system"]: row for row in board.rows}
    shown = rows["student"]["PNR"] - rows["bm25"]["PNR"]
    assert board.comparisons["student"]["PNR"].difference == pytest.approx(shown)


def test_without_a_baseline_there_are_no_p_values(systems, qrels):
    board = leaderboard(systems, qrels)
    assert not any(key.startswith("p(") for row in board.rows for key in row)
    assert board.comparisons == {}


def test_a_value_that_is_infinite_or_undefined_is_not_tested_and_is_null_in_the_file(tmp_path, qrels, systems):
    constant = systems["bm25"].with_columns(score=np.zeros(len(systems["bm25"])))
    board = leaderboard({**systems, "perfect": system(0.0), "constant": constant}, qrels, MEASURES[::-1], "bm25")
    rows = {row["system"]: row for row in board.rows}
    assert rows["perfect"]["PNR"] == math.inf
    assert rows["perfect"]["p(PNR)"] is None
    assert [board.rows[0]["system"], board.rows[-1]["system"]] == ["perfect", "constant"]
    export(board, tmp_path / "leaderboard.json")
    written = {row["system"]: row for row in json.loads((tmp_path / "leaderboard.json").read_text())}
    assert (written["perfect"]["PNR"], written["constant"]["PNR"]) == (None, None)
    assert written["perfect"]["nDCG@10"] == 1.0


def test_the_file_is_a_list_of_the_rows(tmp_path, systems, qrels):
    board = leaderboard(systems, qrels, extra={"bm25": {"parameters": np.int64(0)}})
    export(board, tmp_path / "new" / "leaderboard.json")
    assert json.loads((tmp_path / "new" / "leaderboard.json").read_text()) == board.rows
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["leaderboard.json"]


def test_queries_that_a_run_lacks_are_told_of_by_system(systems, qrels):
    board = leaderboard({**systems, "half": system(1.0).take_queries(np.arange(15))}, qrels)
    assert board.notes[0] == "half: 15 of 30 judged queries are not in the run and count as 0"
    assert "do not cover the same queries" in board.notes[1]
    assert {row["system"]: row["missing_queries"] for row in board.rows}["half"] == 15


def test_runs_of_a_folder_are_found_under_their_names(tmp_path, systems, qrels):
    write_run(systems["bm25"], tmp_path / "bm25.trec", "score")
    write_run(systems["teacher1"], tmp_path / "teacher.v1.trec.gz", "score")
    write_run(systems["student"], tmp_path / "student" / "run.trec.gz", "score")
    (tmp_path / ".tmp-1234-other.trec").write_text("half a li")
    (tmp_path / "notes.txt").write_text("no run")
    assert list(find_runs(tmp_path)) == ["bm25", "student", "teacher.v1"]
    board = leaderboard(find_runs(tmp_path), qrels, baseline="bm25")
    expected = leaderboard(systems, qrels, baseline="bm25").rows
    assert [{**row, "system": ""} for row in board.rows] == [{**row, "system": ""} for row in expected]


def test_runs_under_other_tools_names_are_found_and_what_is_not_read_is_named_once(tmp_path, systems):
    text = "".join(f"q{i} Q0 d{d} {d} {9 - d}.5 t\n" for i in range(30) for d in (1, 2, 3))
    for name in (
        "run.msmarco.bm25.txt",
        "input.res",
        "a.run",
        "splade.txt",
        "folder/run.txt",
        "ranx/run.tsv",
        "run.b.tsv",
    ):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "t5.res.gz").write_bytes(gzip.compress(text.encode()))
    write_parts(systems["bm25"], tmp_path / "parts")
    for name, other in (
        ("qrels.txt", "q1 0 d1 1\n"),
        ("queries.tsv", "q1\ta query\n"),
        ("README.md", "# Runs\n\nmade by hand\n"),
        ("table.csv", "system,nDCG@10\nbm25,0.5\n"),
        ("log.txt", "epoch 1 loss 0.5\n"),
        ("page.html", "<html></html>\n"),
        ("leaderboard.json", '[{"system": "bm25", "nDCG@10": 0.5}]\n'),
        ("losses.jsonl", '{"loss": 0.5}\n'),
        ("empty.jsonl", ""),
    ):
        (tmp_path / name).write_text(other)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = find_runs(tmp_path)
    assert list(found) == ["a", "b", "folder", "input", "msmarco.bm25", "parts", "ranx", "splade", "t5"]
    (tmp_path / "archived").write_text(text)
    (tmp_path / "ranx.json").write_text('{"q1": {"d1": 0.5}}')
    (tmp_path / "tevatron.tsv").write_text("q1\td1\t9.5\n")
    (tmp_path / "cut.jsonl").write_text('{"qid": "q1", \n{"qid": "q1", "docid": "d1", "score": 9.5}\n')
    (tmp_path / "cut.parquet").write_bytes(b"PAR1 and no more")
    (tmp_path / "text.parquet").write_text(text)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "bm25.trec").write_text(text)
    with pytest.warns(
        UserWarning,
        match=r"or is damaged: archived, cut.jsonl, cut.parquet, deep/bm25.trec, ranx.json, tevatron.tsv, text.pa",
    ):
        assert find_runs(tmp_path) == found
    (tmp_path / "deep" / "bm25.trec").rename(tmp_path / "deep" / "bm25")
    with pytest.raises(DataError, match=r"not read .*: bm25; names of runs"):
        find_runs(tmp_path / "deep")


def test_a_query_among_its_own_candidates_is_noted_and_not_listed_where_dropped(qrels, systems):
    own = Candidates.from_dict({"arg-1": {"arg-1": 9.0, "d1": 1.0}, "arg-2": {"d1": 1.0}}, "score")
    labels = Candidates.from_dict({"arg-1": {"d1": 1}, "arg-2": {"d1": 1}}, "label")
    assert "1 of 2 queries have themselves" in leaderboard({"own": own}, labels, ["RR@10"]).notes[0]
    dropped = leaderboard({"own": own}, labels, ["RR@10"], conventions=Conventions(identical_ids="drop"))
    assert dropped.rows[0]["RR@10"] == 1
    assert dropped.tops["own"].doc_ids.to_pylist() == ["d1", "d1"]


def test_a_folder_without_runs_or_with_two_of_a_name_is_an_error(tmp_path, systems):
    with pytest.raises(DataError, match="no folder"):
        find_runs(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"no runs in .*, expected files such as"):
        find_runs(tmp_path)
    write_run(systems["bm25"], tmp_path / "bm25.trec", "score")
    shutil.copy(tmp_path / "bm25.trec", tmp_path / "copy")
    write_run(systems["bm25"], tmp_path / "bm25" / "run.trec.gz", "score")
    with pytest.raises(DataError, match="two runs are called 'bm25'"):
        find_runs(tmp_path)


def test_queries_for_which_a_measure_is_not_defined_are_in_no_comparison():
    labels = Candidates.from_dict({"q1": {"a": 1}, "q2": {"a": 0}, "q3": {"a": 1}, "q4": {"a": 1}}, "label")
    lists = {"q1": {"a": 2.0, "b": 1.0}, "q2": {"a": 1.0, "b": 2.0}, "q3": {"a": 1.0, "b": 2.0}, "q4": {"a": 1.0}}
    other = {query: {d: -score for d, score in documents.items()} for query, documents in lists.items()}
    systems = {name: Candidates.from_dict(each, "s") for name, each in (("a", lists), ("b", other))}
    board = leaderboard(systems, labels, ["Accuracy"], baseline="a")
    assert [row["Accuracy"] for row in board.rows] == [0.5, 0.5]
    comparison = board.comparisons["b"]["Accuracy"]
    assert (comparison.wins, comparison.ties, comparison.losses) == (1, 0, 1)
    assert "Accuracy" in as_html(board)


def test_an_error_names_the_system(systems, qrels):
    other = Candidates.from_dict({"elsewhere": {"d": 1.0}}, "score")
    with pytest.raises(DataError, match="system 'other': none of the run's"):
        leaderboard({**systems, "other": other}, qrels)


def test_a_system_of_several_columns_is_an_error_that_names_it(systems, qrels):
    both = systems["bm25"].with_columns(model=systems["bm25"]["score"])
    with pytest.raises(UsageError, match="system 'both': expected one column of scores, got score, model"):
        leaderboard({**systems, "both": both}, qrels)


def test_unjudged_candidates_are_noted_once_for_all_systems(systems, qrels):
    few = qrels.take_rows(np.arange(len(qrels)) % 2 == 0)
    notes = leaderboard(systems, few).notes
    assert [note for note in notes if "without a judgment" in note] == notes[-1:]
    assert leaderboard(systems, few, ["nDCG@10"]).notes == notes[:-1]


def test_names_that_are_not_there_are_errors(systems, qrels):
    with pytest.raises(UnknownNameError, match="system 'bm52'; did you mean 'bm25'"):
        leaderboard(systems, qrels, baseline="bm52")
    with pytest.raises(UnknownNameError, match="system 'studnet'; did you mean 'student'"):
        leaderboard(systems, qrels, extra={"studnet": {}})
    with pytest.raises(UnknownNameError, match="significance test"):
        leaderboard(systems, qrels, test="sign")
    with pytest.raises(UsageError, match="cannot be called 'PNR'"):
        leaderboard(systems, qrels, extra={"bm25": {"PNR": 3.0}})
    with pytest.raises(UsageError, match="no systems"):
        leaderboard({}, qrels)


def test_real_runs_are_read_from_their_files(shared_data):
    folder = shared_data / "msmarco-passage-dl"
    names = ["bm25", "tasb", "repllama"]
    paths = {name: folder / "runs" / f"dl19.{name}.trec.gz" for name in names}
    board = leaderboard(paths, folder / "qrels.dl19.txt", ["nDCG@10"], baseline="bm25")
    assert [row["system"] for row in board.rows] == ["repllama", "tasb", "bm25"]
    assert [round(row["nDCG@10"], 3) for row in board.rows] == [0.738, 0.721, 0.506]
    assert all(row["p(nDCG@10)"] < 0.01 for row in board.rows[:2])
    loaded = {name: read_run(path) for name, path in paths.items()}
    assert leaderboard(loaded, read_qrels(folder / "qrels.dl19.txt"), ["nDCG@10"], "bm25").rows == board.rows
