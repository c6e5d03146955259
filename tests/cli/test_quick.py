"""Command lines that are read without the parser of options mean what they mean to it."""

from __future__ import annotations

from pathlib import Path

import pytest
from cyclopts import CycloptsError
from hypothesis import given, settings
from hypothesis import strategies as st

from rankdistill.cli.app import build_app
from rankdistill.cli.quick import Asked, asked_of_evaluate
from rankdistill.errors import UsageError
from rankdistill.evaluation.names import DEFAULT_MEASURES

APP = build_app("evaluate")
WORDS = [
    *["--qrels", "--runs", "--measures", "--json", "--per-query", "--ties", "trec", "a", "b.trec", "nDCG@10", "-x"],
    "",
]
usual = st.permutations(
    [["--qrels", "q"], ["--runs", "a", "b"], ["--measures", "RR", "AP(rel=2)@10"], ["--json"], ["--per-query"]]
).map(lambda parts: [word for part in parts[:4] for word in part])


@settings(max_examples=150, deadline=None)
@given(usual | st.lists(st.sampled_from(WORDS), max_size=9))
def test_the_parser_of_options_reads_the_same(words: list[str]) -> None:
    tokens = ["evaluate", *words]
    asked = asked_of_evaluate(tokens)
    if asked is None:
        return
    _, bound, _ = APP.parse_args(tokens, exit_on_error=False, print_error=False)
    given_options = dict(bound.arguments)
    assert given_options.pop("qrels") == Path(asked.qrels)
    assert tuple(given_options.pop("runs")) == asked.runs
    assert tuple(given_options.pop("measures", DEFAULT_MEASURES)) == (asked.measures or DEFAULT_MEASURES)
    assert given_options.pop("as_json", False) == asked.as_json
    assert given_options.pop("per_query", False) == asked.per_query
    assert given_options == {}


def test_an_ordinary_command_line_is_read() -> None:
    words = ["evaluate", "--qrels", "q", "--runs", "a", "b", "--measures", "RR", "--json"]
    assert asked_of_evaluate(words) == Asked("q", ("a", "b"), ("RR",), True, False)


@pytest.mark.parametrize(
    "line",
    [
        "",
        "leaderboard --qrels q --runs a",
        "evaluate",
        "evaluate q a",
        "evaluate --runs a",
        "evaluate --qrels q --runs",
        "evaluate --qrels q r --runs a",
        "evaluate --qrels q --runs a --runs b",
        "evaluate --qrels q --runs a --json true",
        "evaluate --qrels=q --runs a",
        "evaluate --qrels q --runs a --ties rank",
        "evaluate --qrels q --runs a --config f.yaml",
        "evaluate --qrels q --runs a --help",
        "evaluate --qrels q --runs -a",
    ],
)
def test_every_other_command_line_is_left_to_the_parser(line: str) -> None:
    assert asked_of_evaluate(line.split()) is None


def test_the_parser_refuses_what_is_left_to_it() -> None:
    with pytest.raises((CycloptsError, UsageError)):
        APP(["evaluate", "--qrels", "q", "--runs"], exit_on_error=False, print_error=False)
