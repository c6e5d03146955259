"""Runs that name queries and passages by their texts: every command that reads runs finds their ids in a collection."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

import rankdistill.cli
from rankdistill.cli.rekindle_data import labelled_task, unlabelled
from rankdistill.data import read_run
from rankdistill.evaluation.conventions import Conventions
from rankdistill.tasks import Splits
from rankdistill.tasks.predictions import predictions

NOTE = "is read as FlagEmbedding's texts with scores: 10 queries, 20 scores"
READERS = {"read_run": 0, "read_ranking": 0, "read": 1, "parts": 1, "candidates": 1}
"""What reads runs in commands -> how many of its arguments name the run before that of the collection."""


def test_parts_have_the_ids(run, files, by_text, tmp_path) -> None:
    outcome = run("parts", "--run", by_text, "--collection", files.collection, "--out", tmp_path / "parts")
    assert (outcome.code, NOTE in outcome.err) == (0, True), outcome.err
    made = read_run(tmp_path / "parts")
    assert made.n_queries == 10
    assert set(made.doc_ids.to_pylist()) == {"d0", "d1"}
    outcome = run("parts", "--run", by_text, "--out", tmp_path / "none")
    assert (outcome.code, "--collection" in outcome.err) == (2, True)


@pytest.mark.parametrize("command", ["gsb", "interleave"])
def test_two_runs_are_compared(run, files, by_text, command: str) -> None:
    words = [command, "--runs", by_text, files.bm25, "--qrels", files.qrels, "--json"]
    outcome = run(*words, "--collection", files.collection)
    assert (outcome.code, NOTE in outcome.err) == (0, True), outcome.err
    assert "value" in json.loads(outcome.out)
    outcome = run(*words)
    assert (outcome.code, "--collection" in outcome.err) == (2, True)


@pytest.mark.parametrize(("command", "own"), [("gsb", "--preferences"), ("interleave", "--log")])
def test_a_collection_without_runs_is_wrong_use(run, files, command: str, own: str) -> None:
    outcome = run(command, own, files.bm25, "--collection", files.collection)
    assert (outcome.code, "expected either" in outcome.err) == (2, True)


@pytest.mark.filterwarnings("ignore:.*is read as:UserWarning")
def test_rekindle_takes_them_for_its_task_and_for_its_data(files, by_text) -> None:
    pairs = unlabelled(str(files.collection), by_text)
    task = labelled_task(str(files.collection), by_text, Splits(), (), Conventions())
    for candidates in (pairs.candidates, task.candidates):
        assert candidates is not None
        assert (candidates.n_queries, len(candidates)) == (10, 20)
    assert predictions(task, by_text).tolist() == [2.0, 1.0] * 10


def test_every_reader_of_runs_in_a_command_is_given_a_collection() -> None:
    lacking = []
    for file in Path(rankdistill.cli.__path__[0]).rglob("*.py"):
        for call in ast.walk(ast.parse(file.read_text())):
            if not isinstance(call, ast.Call) or (name := _reader(call.func)) is None:
                continue
            if not any(keyword.arg == "collection" for keyword in call.keywords):
                enough = len(call.args) > READERS[name] > 0
                lacking += [] if enough else [f"{file.name}:{call.lineno} {name}"]
    assert lacking == []


def _reader(function: ast.expr) -> str | None:
    """Name a function that reads runs: one of these names, or a method of conventions."""
    if isinstance(function, ast.Name):
        return function.id if function.id in ("read_run", "read_ranking") else None
    if isinstance(function, ast.Attribute) and function.attr in READERS:
        place = function.value.attr if isinstance(function.value, ast.Attribute) else getattr(function.value, "id", "")
        return function.attr if place in ("conventions", "reading", "rules") else None
    return None
