"""Benchmarks: each is a command, and a result holds what is needed to run it again."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import pytest

from benchmarks import results
from benchmarks.results import command, markdown_table, study

FOLDER = Path(results.__file__).parent
COMMANDS = sorted(
    ".".join(path.relative_to(FOLDER.parent).with_suffix("").parts)
    for path in FOLDER.rglob("*.py")
    if "def main(" in path.read_text(encoding="utf-8")
)
LIBRARIES = ["benchmarks.studies.marco", "benchmarks.studies.rows", "benchmarks.studies.students"]


@pytest.mark.parametrize("module", COMMANDS)
def test_every_benchmark_is_a_command_that_says_what_it_does(module: str) -> None:
    benchmark = import_module(module)
    assert command(benchmark.main).help == benchmark.__doc__
    assert "python -m benchmarks." in benchmark.__doc__
    assert command(benchmark.main).assemble_argument_collection() is not None


@pytest.mark.parametrize("module", LIBRARIES)
def test_what_studies_share_can_be_imported(module: str) -> None:
    assert import_module(module).__doc__


def test_study_writes_what_its_rows_become_and_shows_them_as_they_come(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ({"system": name, "p": p} for name, p in (("a", 0.5), ("b", 0.25)))

    def doubled(rows: list[results.Row]) -> list[results.Row]:
        return [row | {"p": 2 * row["p"]} for row in rows]

    written = study("tried", rows, [0, 1], ("numpy",), doubled, tmp_path)
    assert written == [{"system": "a", "p": 1.0}, {"system": "b", "p": 0.5}]
    result = json.loads((tmp_path / "tried.json").read_text())
    assert result["rows"] == written
    assert result["seeds"] == [0, 1]
    assert set(result) == {"command", "commit", "machine", "versions", "seeds", "rows"}
    assert set(result["versions"]) == {"python", "numpy"}
    assert (tmp_path / "tried.md").read_text() == markdown_table(written) + "\n"
    shown = capsys.readouterr().out
    assert shown.index(markdown_table(written[:1])) < shown.index(markdown_table(written))


def test_command_of_a_result_names_the_module_and_no_folder_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["x", "--folder", str(Path.home().absolute()), "--sizes", "3+1 layers"]
    monkeypatch.setattr("sys.argv", words)
    assert results.typed("benchmarks.studies.pile") == (
        "python -m benchmarks.studies.pile --folder FOLDER --sizes '3+1 layers'"
    )
