"""The table of ratios reads committed results, divides by the peer, and marks what is slower."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from benchmarks import ratios
from benchmarks.ratios import RATIOS, Ratio, compared, ratios_of, read
from benchmarks.results import FOLDER


def test_a_ratio_is_a_column_or_a_speed_over_the_peers() -> None:
    rows = [{"system": "peer", "speed": 4}, {"system": "rankdistill", "speed": 10}, {"system": "other", "speed": None}]
    assert ratios_of(rows, Ratio("speed", peer="peer")) == {"rankdistill": 2.5}
    assert ratios_of(rows, Ratio("speed")) == {"rankdistill": 10}
    assert ratios_of([{"system": "a", "n": 1, "x": 2.0}], Ratio("x", ("system", "n"), ours="")) == {"a, 1": 2.0}


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
