"""Conventions: what unjudged candidates are, decided in one place for every way to measure a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from rankdistill.cli import main
from rankdistill.data import Candidates, Collection, Texts, load_collection, read_qrels, read_run
from rankdistill.errors import DataError, UnknownNameError
from rankdistill.evaluation import Conventions, evaluate, find_runs, leaderboard
from rankdistill.tasks import Task

SPARSE = "q1 0 d1 1\nq2 0 d3 3\nq3 0 d2 2\n"
DEEP = SPARSE + "q3 0 d1 0\nq1 0 d2 0\n"
SCORES = {"q1": (2, 3, 1, 0), "q2": (1, 4, 2, 3), "q3": (1, 2, 3, 4)}
RUN = {query: {f"d{i}": score for i, score in enumerate(scores, 1)} for query, scores in SCORES.items()}
EXPECTED = {SPARSE: ("irrelevant", 4 / 5), DEEP: ("missing", 1.0)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "corpus.jsonl").write_text("".join(f'{{"_id": "d{i}", "text": "text {i}"}}\n' for i in range(1, 5)))
    (tmp_path / "queries.jsonl").write_text("".join(f'{{"_id": "q{i}", "text": "query {i}"}}\n' for i in (1, 2, 3)))
    (tmp_path / "runs").mkdir()
    lines = [f"{q} Q0 {d} 1 {score} t\n" for q, documents in RUN.items() for d, score in documents.items()]
    (tmp_path / "runs" / "system.trec").write_text("".join(lines))
    return tmp_path


def printed(capsys: pytest.CaptureFixture[str], *words: object) -> dict | list:
    assert main([str(word) for word in words]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("qrels", [SPARSE, DEEP], ids=["sparse", "deep"])
def test_every_way_to_measure_a_run_gives_one_pnr(folder: Path, qrels: str, capsys: pytest.CaptureFixture[str]) -> None:
    unjudged, expected = EXPECTED[qrels]
    (folder / "qrels.txt").write_text(qrels)
    file, path = folder / "qrels.txt", folder / "runs" / "system.trec"
    collection, run = load_collection(folder), read_run(path)
    assert Conventions().unjudged_under(collection) == Conventions().unjudged_under(read_qrels(file)) == unjudged
    by_file = printed(capsys, "evaluate", "--qrels", file, "--runs", path, "--measures", "PNR", "--json")
    by_folder = printed(capsys, "evaluate", "--collection", folder, "--runs", path, "--measures", "PNR", "--json")
    [row] = printed(capsys, "leaderboard", folder / "runs", "--qrels", file, "--measures", "PNR", "--json")
    values = {
        "evaluate": evaluate(read_qrels(file), run, "PNR")["PNR"],
        "task": Task(collection, run, measures=("PNR",)).evaluation(run["score"]).values["PNR"],
        "task of a file": Task(collection, run, measures=("PNR",), qrels=read_qrels(file))
        .evaluation(run["score"])
        .values["PNR"],
        "leaderboard": leaderboard(find_runs(folder / "runs"), file, ["PNR"]).rows[0]["PNR"],
        "evaluate --qrels": by_file[str(path)]["PNR"],
        "evaluate --collection": by_folder[str(path)]["PNR"],
        "leaderboard --qrels": row["PNR"],
    }
    assert values == dict.fromkeys(values, expected)


def test_a_split_is_measured_as_the_whole_qrels_say(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "qrels").mkdir()
    (folder / "qrels" / "train.tsv").write_text("q3 0 d2 2\nq3 0 d1 0\n")
    (folder / "qrels" / "test.tsv").write_text("q1 0 d1 1\nq2 0 d3 3\n")
    collection, run = load_collection(folder), read_run(folder / "runs" / "system.trec")
    test = Task(collection, run).part("test")
    assert Conventions().unjudged_under(test.judgments) == "irrelevant", "the part alone would say so"
    assert test.unjudged == "missing"
    words = ["evaluate", "--collection", folder, "--split", "test", "--runs", folder / "runs" / "system.trec"]
    measured = printed(capsys, *words, "--measures", "PNR", "--json")
    assert list(measured.values()) == [{"PNR": None}], "no pair is judged"


@pytest.mark.parametrize("stated", ["missing", "irrelevant"])
def test_what_the_collection_states_decides_unless_the_caller_does(stated: Literal["missing", "irrelevant"]) -> None:
    texts = Texts.from_pairs(["q"], ["text"])
    qrels = Candidates.from_dict({"q": {"d": 1.0}}, "label")
    collection = Collection("c", texts, texts, qrels, unjudged=stated)
    assert Conventions().unjudged_under(collection) == stated
    assert Conventions().under(collection).unjudged == stated
    for chosen in ("missing", "irrelevant"):
        assert Conventions(unjudged=chosen).unjudged_under(collection) == chosen  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("labels", "unjudged"),
    [([1, 3], "irrelevant"), ([1, 0], "missing"), ([2, -1], "missing"), ([1, np.nan], "irrelevant")],
)
def test_the_grades_say_whether_the_irrelevant_were_written_down(labels: list[float], unjudged: str) -> None:
    qrels = Candidates.from_rows(["q", "q"], ["a", "b"], {"label": labels})
    assert Conventions().unjudged_under(qrels) == unjudged


def test_a_collection_without_qrels_and_another_treatment_are_refused() -> None:
    texts = Texts.from_pairs(["q"], ["text"])
    with pytest.raises(DataError, match="c has no qrels"):
        Conventions().unjudged_under(Collection("c", texts, texts))
    with pytest.raises(UnknownNameError, match="'irelevant'; did you mean 'irrelevant'"):
        Collection("c", texts, texts, unjudged="irelevant")  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="precision of scores 'double'"):
        Conventions(precision="double")  # type: ignore[arg-type]


@pytest.mark.parametrize(("precision", "column"), [("float32", "score"), ("float64", "ranking")])
def test_runs_are_read_as_their_scores_compare(
    folder: Path, precision: Literal["float32", "float64"], column: str
) -> None:
    run = Conventions(precision=precision).read(folder / "runs" / "system.trec")
    assert list(run.columns) == [column]
    assert run.query(0).doc_ids == ["d2", "d1", "d3", "d4"]
