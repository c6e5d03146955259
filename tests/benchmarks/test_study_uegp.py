"""The means over tasks in a study's table, and how they differ from the expert's."""

from __future__ import annotations

from benchmarks.studies.uegp import with_means


def test_means_are_over_tasks_and_tested_over_seeds() -> None:
    lines = [
        {"base": "six layers", "way": "expert", "task": "rte", "values": "60 62"},
        {"base": "six layers", "way": "expert", "task": "cola", "values": "30 32"},
        {"base": "six layers", "way": "UEGP", "task": "rte", "values": "66 64"},
        {"base": "six layers", "way": "UEGP", "task": "cola", "values": "25 24"},
    ]
    expert, guided = with_means(lines)[len(lines) :]
    assert expert == {"base": "six layers", "way": "expert", "task": "mean", "mean": 46.0}
    assert guided == {
        "base": "six layers",
        "way": "UEGP",
        "task": "mean",
        "mean": 44.75,
        "to the expert": -1.25,
        "p over seeds": 0.61,
    }
