"""The leaderboard as Markdown, LaTeX, CSV and JSON."""

import csv
import json

import pytest

from rankdistill.data import Candidates
from rankdistill.errors import UnknownNameError
from rankdistill.evaluation import export, leaderboard
from rankdistill.evaluation.report.render import printable


@pytest.fixture
def board():
    labels = {f"q{i}": {"a": 2, "b": 1, "c": 0} for i in range(12)}
    good = {q: {"a": 3.0, "b": 2.0 if i % 3 else 4.0, "c": 1.0} for i, q in enumerate(labels)}
    bad = {q: {"a": 1.0 if i % 4 else 5.0, "b": 2.0, "c": 3.0} for i, q in enumerate(labels)}
    systems = {"bm25": bad, "100%_{good} & \\more": good}
    systems = {name: Candidates.from_dict(lists, "s") for name, lists in systems.items()}
    return leaderboard(systems, Candidates.from_dict(labels, "label"), baseline="bm25")


def test_latex_escapes_and_marks(board, tmp_path):
    export(board, tmp_path / "t.tex")
    text = (tmp_path / "t.tex").read_text()
    assert r"100\%\_\{good\} \& \textbackslash{}more & \textbf{" in text
    assert r"$^\ddagger$} &" in text
    assert text.startswith("\\begin{tabular}{lrrr}\n\\toprule\nsystem & nDCG@10 & RR@10 & PNR \\\\\n\\midrule\n")
    assert "% Different from bm25" in text


def test_csv_and_json_hold_everything_uncut(board, tmp_path):
    export(board, tmp_path / "t.csv")
    export(board, tmp_path / "t.json")
    with (tmp_path / "t.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    rows = json.loads((tmp_path / "t.json").read_text())
    assert [line["system"] for line in lines] == [row["system"] for row in rows] == [r["system"] for r in board.rows]
    best, comparison = rows[0], board.comparisons[board.rows[0]["system"]]["nDCG@10"]
    assert float(lines[0]["nDCG@10"]) == best["nDCG@10"] == board.rows[0]["nDCG@10"]
    assert best["d(nDCG@10)"] == comparison.effect_size
    assert best["wins(nDCG@10)"] + best["ties(nDCG@10)"] + best["losses(nDCG@10)"] == 12
    assert "d(nDCG@10)" not in rows[1]


def test_markdown_is_the_table_and_other_suffixes_are_refused(board, tmp_path):
    export(board, tmp_path / "t.md")
    assert (tmp_path / "t.md").read_text().startswith("| system | nDCG@10 |")
    with pytest.raises(UnknownNameError, match=r"format of .*t.txt '.txt'.*Valid: .csv, .json, .md, .tex"):
        export(board, tmp_path / "t.txt")


def test_names_that_a_spreadsheet_would_run_are_text_and_numbers_stay_numbers(tmp_path):
    labels = Candidates.from_dict({"q": {"a": 1, "b": 0}, "r": {"a": 1, "b": 0}}, "label")
    run = Candidates.from_dict({"q": {"a": 1.0, "b": 2.0}, "r": {"a": 2.0, "b": 1.0}}, "s")
    better = Candidates.from_dict({"q": {"a": 2.0, "b": 1.0}, "r": {"a": 2.0, "b": 1.0}}, "s")
    odd = ["=1+2", "+1", "-1", "@sum", "\t=1", " =1", "\uff1d1", "|x", "\r=1", "-1,5"]
    board = leaderboard({"bm25": better} | dict.fromkeys(odd, run), labels, ["RR@10"], baseline="bm25")
    export(board, tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(newline="") as file:
        rows = {row["system"]: row for row in csv.DictReader(file)}
    assert set(rows) == {"bm25", *(f"'{printable(name)}" for name in odd)}
    assert float(rows["'=1+2"]["d(RR@10)"]) == board.comparisons["=1+2"]["RR@10"].effect_size < 0
    export(board, tmp_path / "t.json")
    assert {row["system"] for row in json.loads((tmp_path / "t.json").read_text())} == {"bm25", *odd}
