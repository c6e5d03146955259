"""The page of learning curves: every value drawn where it belongs, and nothing that a browser would obey."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rankdistill.evaluation.report.curves import HEIGHT, LEFT, WIDTH, Curve, curves_html, write_curves

TASKS = {
    "rte": {"accuracy": [Curve("one", [(0.5, 0.6), (1.0, 0.8)]), Curve("two", [(0.25, 0.5), (1.0, 0.7)])]},
    "<b>x": {"accuracy": [], "loss": [Curve("a </svg><script>", [(1.0, 2.0)])]},
}


def test_points_go_from_left_to_right_and_higher_values_are_higher() -> None:
    page = curves_html(TASKS, "Curves")
    lines = [
        [tuple(map(float, point.split(","))) for point in line.split()]
        for line in re.findall(r'<polyline points="([^"]*)"', page)
    ]
    assert [len(line) for line in lines] == [2, 2, 1]
    (first, second), (third, fourth) = lines[0], lines[1]
    assert first[0] == pytest.approx(LEFT + (WIDTH - LEFT) / 2)
    assert second[0] == fourth[0] == WIDTH
    assert second[1] < fourth[1] < first[1] < third[1] < HEIGHT
    assert "<td>one</td><td>50%</td><td>0.6000</td>" in page


def test_strings_are_text_and_the_page_loads_nothing(tmp_path: Path) -> None:
    page = write_curves(TASKS, tmp_path / "page.html", "a & b").read_text()
    assert "<h2>&lt;b&gt;x</h2>" in page
    assert "<script" not in page
    assert "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "")


def test_a_task_without_a_curve_says_so() -> None:
    assert "Nothing was measured." in curves_html({"rte": {"accuracy": []}}, "Curves")
