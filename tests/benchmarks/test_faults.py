"""The commands that inject faults: what they compare, and that they notice what is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.faults.damage_files import ANEW, REFUSED, Stored, cases, verdict, ways
from benchmarks.faults.kills import Killed, kill_until_done
from benchmarks.faults.made import Made, make
from benchmarks.faults.started import HANGS


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return make(tmp_path_factory.mktemp("faults") / "made", n_queries=24, n_documents=40, k=10)


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_a_command_that_is_killed_ends_as_it_does_without(made: Made, tmp_path: Path) -> None:
    command = Killed("parts", ["parts", "--run", str(made.run), "--queries", "1", "--out", "out"])
    row = kill_until_done(command, tmp_path, kills=2, seed=0)
    assert (row["kills"], row["files compared"], row["wrong"]) == (2, 49, "")


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_whatever_differs_after_a_kill_is_named(made: Made, tmp_path: Path) -> None:
    command = Killed(
        "stats",
        ["stats", str(made.collection)],
        prepare=lambda folder: (folder / "drawn").write_bytes(os.urandom(8)),
    )
    assert kill_until_done(command, tmp_path, kills=1, seed=0)["wrong"] == "drawn differs"
    left_out = Killed("stats", command.words, ("drawn",), prepare=command.prepare)
    assert kill_until_done(left_out, tmp_path, kills=1, seed=0)["wrong"] == ""
    failing = Killed("stats", ["stats", "no-such-folder"])
    assert "exit code 2: " in str(kill_until_done(failing, tmp_path, kills=1, seed=0)["wrong"])


@pytest.mark.slow
@pytest.mark.timeout(280)
def test_a_damaged_file_that_is_used_in_silence_is_found(made: Made, tmp_path: Path) -> None:
    """Qrels have no checksum: a changed grade is another judgment."""

    def prepare(folder: Path) -> None:
        (folder / "qrels.txt").write_bytes(made.qrels.read_bytes())

    words = ["evaluate", "--qrels", "qrels.txt", "--runs", str(made.run), "--json"]
    changes = {
        "changed": lambda data: data.replace(b"d0 3", b"d0 0", 1),
        "same": lambda data: data,
        "garbled": lambda data: data + b"q1 0",
    }
    [row] = cases(Stored("qrels", "qrels.txt", words, prepare=prepare), tmp_path / "used", changes)
    assert (row["changed"], row["same"], row["garbled"]) == ("USED IN SILENCE", ANEW, REFUSED)


@pytest.mark.parametrize(
    ("code", "same", "mended", "told", "expected"),
    [
        (0, True, True, "", ANEW),
        (0, True, False, "", "NOT NOTICED"),
        (0, True, False, "note: index/file is damaged", "told"),
        (0, False, True, "", "USED IN SILENCE"),
        (1, False, False, "note: x\nerror: index/file is damaged", REFUSED),
        (2, False, False, "error: index is damaged", REFUSED),
        (1, False, False, "error: something is damaged", "NOT NAMED: error: something is damaged"),
        (70, False, False, "error: KeyError: 'a'", "EXIT CODE 70: error: KeyError: 'a'"),
        (1, False, False, "Traceback (most recent call last):\nindex/file", "EXIT CODE 1: index/file"),
        (-11, False, False, "", "EXIT CODE -11: "),
        (HANGS, False, False, "", "HANGS"),
    ],
)
def test_what_came_of_damage_is_judged(code: int, same: bool, mended: bool, told: str, expected: str) -> None:
    assert verdict(code, same, mended, told, Path("index/file")) == expected
    assert (expected == expected.lower()) == (expected in (ANEW, REFUSED, "told"))


def test_every_way_to_damage_a_file_changes_it() -> None:
    data = bytes(range(200))
    changed = {name: way(data) for name, way in ways(0).items()}
    assert (changed["emptied"], changed["cut"]) == (b"", data[:100])
    for name in ("a bit", "another bit"):
        assert sum((a ^ b).bit_count() for a, b in zip(data, changed[name], strict=True)) == 1
