"""The leaderboard in the terminal and as Markdown, hostile names included."""

import io
import re

import pytest
from rich.console import Console

from rankdistill.data.candidates import Candidates
from rankdistill.evaluation import as_markdown, as_table, leaderboard
from rankdistill.evaluation.report.render import count, mark, number

HOSTILE = "<img src=x onerror=alert(1)>&\"'|`[bold]*x*\x1b[31m\u202e\udcff"
N_QUERIES = 20


@pytest.fixture
def board():
    queries = [f"q{i}" for i in range(N_QUERIES)]
    qrels = Candidates.from_dict({q: {"a": 1, "b": 0, "c": 2} for q in queries}, "label")
    good = {q: {"a": 2.0, "b": 1.0, "c": 3.0 if i % 4 else 0.5} for i, q in enumerate(queries)}
    bad = {q: {"a": 1.0 if i % 5 else 4.0, "b": 3.0, "c": 2.0} for i, q in enumerate(queries)}
    systems = {"bm25": Candidates.from_dict(bad, "s"), HOSTILE: Candidates.from_dict(good, "s")}
    extra = {HOSTILE: {"parameters": 22_713_601, "pairs_per_second": 1249.3}}
    return leaderboard(systems, qrels, baseline="bm25", extra=extra)


def drawn(board):
    console = Console(file=io.StringIO(), width=200, force_terminal=True, color_system="standard")
    console.print(as_table(board))
    return console.file.getvalue()


def test_the_terminal_table_says_test_correction_and_number_of_queries(board):
    text = drawn(board)
    assert "20 queries" in text
    assert "Different from bm25: † p < .05, ‡ p < .01 (paired t-test; Holm correction" in text
    assert "22.7M" in text
    assert "1,249" in text
    assert "‡" in text.split("Different")[0]


def test_the_best_value_is_bold(board):
    best = max(row["nDCG@10"] for row in board.rows)
    assert f"\x1b[1m{best:.4f}‡\x1b[0m" in drawn(board)
    assert f"**{best:.4f}‡**" in as_markdown(board)


def test_a_hostile_name_cannot_command_the_terminal(board):
    text = drawn(board)
    assert "\x1b[31m" not in text
    assert "\u202e" not in text
    assert "[bold]*x*�[31m��" in text


def test_a_hostile_name_stays_text_in_markdown(board):
    line = next(line for line in as_markdown(board).splitlines() if "onerror" in line)
    assert "&lt;img src=x onerror=alert(1)&gt;&amp;" in line
    assert line.replace(r"\|", "").count("|") == len(board.measures) + 4


def test_notes_stand_below_the_table(board):
    qrels = Candidates.from_dict({"q0": {"a": 1}, "q1": {"a": 1}}, "label")
    half = leaderboard({"half": Candidates.from_dict({"q0": {"a": 1.0}}, "s")}, qrels)
    note = "half: 1 of 2 judged queries are not in the run and count as 0"
    assert note in " ".join(re.sub(r"\x1b\[[\d;]*m", "", drawn(half)).split())
    assert note in as_markdown(half)


def test_costs_that_nobody_knows_have_no_column():
    qrels, run = Candidates.from_dict({"q": {"a": 1}}, "label"), Candidates.from_dict({"q": {"a": 1.0}}, "s")
    text = as_markdown(leaderboard({"one": run}, qrels))
    assert "parameters" not in text
    assert "pairs/s" not in text
    assert "| one | **1.0000** | **1.0000** | - |" in text


def test_numbers_are_short():
    assert [number(x) for x in (0.5, float("inf"), float("nan"))] == ["0.5000", "∞", "-"]
    assert [count(x) for x in (None, 5.46, 412, 66_362, 22_713_601, 7e9)] == [
        "-",
        "5.5",
        "412",
        "66,362",
        "22.7M",
        "7.0G",
    ]
    assert [mark(p) for p in (None, 0.2, 0.05, 0.049, 0.01, 0.0099)] == ["", "", "", "†", "†", "‡"]
