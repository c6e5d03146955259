"""The table of ratios reads committed results, divides by the peer, and marks what is slower."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from benchmarks import ratios
from benchmarks.ratios import KEPT, RATIOS, Ratio, compared, kept, ratios_of, read
from benchmarks.results import FOLDER


def test_a_ratio_is_a_column_or_a_speed_over_the_peers() -> None:
    rows = [{"system": "peer", "speed": 4}, {"system": "rankdistill", "speed": 10}, {"system": "other", "speed": None}]
    assert ratios_of(rows, Ratio("speed", peer="peer")) == {"rankdistill": 2.5}
    assert ratios_of(rows, Ratio("speed")) == {"rankdistill": 10}
    assert ratios_of([{"system": "a", "n": 1, "x": 2.0}], Ratio("x", ("system", "n"), ours="")) == {"a, 1": 2.0}


def test_a_speed_without_its_peer_is_no_ratio() -> None:
    assert ratios_of([{"system": "rankdistill", "speed": 10}], Ratio("speed", peer="peer")) == {}


def test_a_result_that_is_missing_or_damaged_has_no_rows(tmp_path: Path) -> None:
    (tmp_path / "cut.json").write_text('{"rows": [')
    (tmp_path / "other.json").write_text("{}")
    assert [read(tmp_path, name) for name in ("cut", "other", "none")] == [[], [], []]


def test_the_result_of_an_earlier_call_is_not_taken_for_this_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = {"rows": [{"system": "compiled", "times plain Python": 9}]}
    (tmp_path / "pile_speed.json").write_text(json.dumps(old))
    monkeypatch.setattr(ratios, "QUICK", tmp_path)
    monkeypatch.setattr(ratios.sys, "executable", "true")
    (row,) = ratios.rows(["pile_speed"], full=False)
    assert (row["now"], row["note"]) == (None, "no 'times plain Python' in its result")


def test_a_quick_form_is_compared_with_what_quick_forms_gave(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratios, "QUICK", tmp_path / "quick")
    monkeypatch.setattr(ratios, "FOLDER", tmp_path)
    monkeypatch.setattr(ratios, "measured", lambda name, full: "")
    (tmp_path / "quick").mkdir()
    for folder, value in ((tmp_path, 90), (tmp_path / "quick", 8)):
        result = {"rows": [{"system": "compiled", "times plain Python": value}]}
        (folder / "pile_speed.json").write_text(json.dumps(result))
    before = kept([{"benchmark": "pile_speed", "of": "compiled", "now": 10.0, "share": None, "seconds of all": 5}])
    (tmp_path / "ratios.json").write_text(json.dumps({"rows": before}))
    (quick,) = ratios.rows(["pile_speed"], full=False)
    (full,) = ratios.rows(["pile_speed"], full=True)
    assert (quick["committed"], quick["share"], quick["note"]) == (10, 0.8, "")
    assert (full["committed"], full["now"]) == (90, 90)


def test_the_committed_quick_forms_take_less_than_a_minute_and_are_those_of_the_table() -> None:
    rows = read(FOLDER, KEPT)
    assert {row["benchmark"] for row in rows} == set(RATIOS)
    assert all(row["now"] and row["seconds of all"] <= 60 for row in rows)


def test_a_benchmark_that_does_not_end_is_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratios, "QUICK", tmp_path)
    monkeypatch.setattr(ratios, "LIMIT", 0.2)
    (tmp_path / "long").write_text("#!/bin/sh\nsleep 60 & sleep 60\n")
    (tmp_path / "long").chmod(0o755)
    monkeypatch.setattr(ratios.sys, "executable", str(tmp_path / "long"))
    (row,) = ratios.rows(["pile_speed"], full=False)
    assert row["note"] == "not done in 0.2 s"


@pytest.mark.parametrize(
    ("now", "committed", "less_is_better", "share", "note"),
    [
        (2.0, 2.0, False, 1.0, ""),
        (1.0, 2.0, False, 0.5, "slower than committed"),
        (2.0, 1.0, True, 0.5, "slower than committed"),
        (1.0, 2.0, True, 2.0, ""),
        (1.0, None, False, None, "not committed"),
    ],
)
def test_a_line_says_whether_this_build_is_slower(
    now: float, committed: float | None, less_is_better: bool, share: float | None, note: str
) -> None:
    row = compared("name", "of", now, committed, less_is_better)
    assert (row["share"], row["note"]) == (share, note)


@pytest.mark.parametrize("name", [name for name in RATIOS if (FOLDER / f"{name}.json").is_file()])
def test_a_committed_result_has_its_ratios(name: str) -> None:
    assert ratios_of(read(FOLDER, name), RATIOS[name])


@pytest.mark.parametrize("name", RATIOS)
def test_every_benchmark_of_the_table_has_a_quick_form(name: str) -> None:
    tree = ast.parse((FOLDER.parent / f"{name}.py").read_text(encoding="utf-8"))
    main = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main")
    assert "quick" in {argument.arg for argument in main.args.kwonlyargs}


def test_a_benchmark_that_fails_is_a_line_and_the_others_go_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    result = {
        "rows": [{"system": "rankdistill", "permutations a second": 8}, {"system": "NumPy", "permutations a second": 2}]
    }
    (tmp_path / "significance_speed.json").write_text(json.dumps(result))
    monkeypatch.setattr(ratios, "QUICK", tmp_path)
    monkeypatch.setattr(ratios, "measured", lambda name, full: "failed, exit code 1" if name == "pile_speed" else "")
    rows = list(ratios.rows(["pile_speed", "significance_speed"], full=False))
    assert (rows[0]["benchmark"], rows[0]["note"]) == ("pile_speed", "failed, exit code 1")
    assert (rows[1]["of"], rows[1]["now"]) == ("rankdistill", 4.0)
