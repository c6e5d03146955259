"""Every output of every command is checked before anything is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, get_args

import pytest

from rankdistill.cli.app import COMMANDS, build_app
from rankdistill.cli.outputs import NEW_PARTS, OUTPUT_FILE, OUTPUT_FOLDER, OUTPUT_PAGE, OUTPUT_RUN, SCORE_STORE
from rankdistill.cli.scored import saved_beside
from rankdistill.errors import UsageError
from rankdistill.scoring import ScoringSettings

KINDS = {
    "file": OUTPUT_FILE,
    "folder": OUTPUT_FOLDER,
    "new folder": NEW_PARTS,
    "run": OUTPUT_RUN,
    "page": OUTPUT_PAGE,
}
INPUTS = {
    "config",
    "run",
    "runs",
    "qrels",
    "collection",
    "folder",
    "log",
    "preferences",
    "dev-run",
    "data-run",
    "stop-words",
    "queries",
}
"""Options that are paths of what is read."""


@cache
def arguments(command: str) -> Any:
    return build_app(command)[command].assemble_argument_collection()


def is_path(hint: Any) -> bool:
    return hint is Path or any(map(is_path, get_args(hint)))


def kind_of(argument: Any) -> str | None:
    validators = argument.parameter.validator
    return next((kind for kind, parameter in KINDS.items() if set(parameter.validator) & set(validators)), None)


def outputs() -> Iterator[tuple[str, str, str]]:
    """(command, option, kind) of all outputs."""
    for command in COMMANDS:
        for argument in arguments(command):
            if kind := kind_of(argument):
                yield command, argument.name, kind


@pytest.mark.parametrize("command", COMMANDS)
def test_every_path_is_an_input_or_a_checked_output(command: str) -> None:
    for argument in arguments(command):
        name = argument.name.removeprefix("--")
        if is_path(argument.hint) and name.rpartition(".")[2] != "store":
            assert (name in INPUTS) != bool(kind_of(argument)), name


def test_commands_that_score_check_their_store() -> None:
    names = [
        command
        for command in COMMANDS
        if any(set(SCORE_STORE.validator) & set(each.parameter.validator) for each in arguments(command))
    ]
    assert set(names) == {"finetune", "distill", "multitask", "score", "rerank", "rekindle"}
    with_stores = [c for c in COMMANDS if any(a.name.rpartition(".")[2] in ("store", "--store") for a in arguments(c))]
    assert names == with_stores


PLACES = [
    ("file", "{folder}", "is a folder, expected the name of a file"),
    ("folder", "{file}", "is a file, expected the name of a folder"),
    ("new folder", "{folder}", "already exists and is not empty"),
    ("new folder", "{file}", "is a file, expected the name of a folder"),
    ("run", "{folder}", "is a folder, expected the name of a file"),
    ("page", "{folder}.html", "is a folder, expected the name of a file"),
    *((kind, "{file}/out", "is a file, so that") for kind in KINDS),
    *((kind, "{link}", "is a link to nothing, which is not there") for kind in KINDS),
    *((kind, "{folder}/" + 300 * "n", "File name too long") for kind in KINDS),
    *((kind, "", "is empty, expected a path") for kind in KINDS),
]


@pytest.mark.parametrize(("command", "option", "kind"), list(outputs()))
def test_an_output_that_cannot_be_written_is_refused_before_anything_is_read(
    run: Any, tmp_path: Path, command: str, option: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All inputs are files that are not there: whatever looked at one would say so."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inside").touch()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nothing")
    before = sorted(tmp_path.rglob("*"))
    words = {"ensemble": ["--method", "mean"], "score": ["--model", "not-there"]}.get(command, [])
    words += [
        word
        for argument in arguments(command)
        if argument.required and argument.name != option
        for word in (argument.name, "not-there")
    ]
    for of_kind, place, said in PLACES:
        if of_kind == kind:
            suffix = ".md" if option == "--export" and "{folder}" not in place else ""
            where = place.format(folder="folder", file="file", link="link")
            outcome = run(command, *words, option, where + suffix if where.endswith("/out") else where)
            shown = " ".join(re.sub(r"\x1b\[[0-9;]*m|[│╭╮╰╯─]", " ", outcome.err).split())
            assert (outcome.code, said in shown) == (2, True), (where, outcome.err)
            assert "not-there" not in shown.replace("not-there; give", "")
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("command", ["score", "rerank", "finetune", "distill"])
def test_a_store_that_cannot_be_written_is_refused_before_anything_is_read(
    run: Any, tmp_path: Path, command: str
) -> None:
    (tmp_path / "file").touch()
    words = [w for a in arguments(command) if a.required for w in (a.name, "not-there")]
    option = "--scoring.store" if command in ("finetune", "distill") else "--store"
    outcome = run(command, *words, option, tmp_path / "file")
    assert (outcome.code, "is a file, expected the name of a folder" in " ".join(outcome.err.split())) == (2, True)


def test_a_file_where_scores_are_saved_beside_the_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out.trec.scores").touch()
    with pytest.raises(UsageError, match=r"out.trec.scores is a file, expected the name of a folder"):
        saved_beside(tmp_path / "out.trec", ScoringSettings())


@pytest.mark.parametrize("command", ["score", "rerank", "ensemble"])
def test_parts_are_not_written_into_a_file(run: Any, files: Any, tmp_path: Path, command: str) -> None:
    assert run("parts", "--run", files.bm25, "--out", tmp_path / "parts", "--queries", 30).code == 0
    (tmp_path / "file").touch()
    given = {"--runs": tmp_path / "parts", "--method": "mean"}
    if command != "ensemble":
        given = {"--run": tmp_path / "parts", "--model": "not-there", "--collection": files.collection}
    words = [str(word) for option in given.items() for word in option]
    outcome = run(command, *words, "--out", tmp_path / "file")
    assert (outcome.code, "is a file, expected the name of a folder" in outcome.err) == (2, True)


@pytest.mark.parametrize("command", ["score", "rerank", "ensemble"])
@pytest.mark.parametrize("kind", ["file", "link", "parts"])
def test_a_run_that_is_read_is_not_written_over(run: Any, files: Any, tmp_path: Path, command: str, kind: str) -> None:
    taken = tmp_path / "taken"
    if kind == "parts":
        assert run("parts", "--run", files.bm25, "--out", taken).code == 0
    elif kind == "link":
        taken.symlink_to(files.bm25)
    else:
        taken.write_bytes(files.bm25.read_bytes())
    if command == "ensemble":
        words = ["--runs", files.bm25.parent if kind == "parts" else files.other, taken, "--method", "mean"]
    else:
        words = ["--run", taken, "--model", "not-there", "--collection", "not-there"]
    outcome = run(command, *words, "--out", taken)
    assert (outcome.code, "taken is read as a run: give another name" in outcome.err) == (2, True), outcome.err
