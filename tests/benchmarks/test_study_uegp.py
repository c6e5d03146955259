"""Rows of an earlier result stay in a study's table, in its order, unless they are made again."""

from __future__ import annotations

from benchmarks.studies.uegp import with_earlier, with_means


def test_rows_that_are_not_made_again_are_kept_in_the_order_of_the_table() -> None:
    earlier = [
        {"base": "six layers", "way": "expert", "task": "cola", "values": "20 22"},
        {"base": "six layers", "way": "UEGP", "task": "cola", "values": "25 24"},
        {"base": "six layers", "way": "expert", "task": "mean", "mean": 21.0},
    ]
    made = [
        {"base": "six layers", "way": "UEGP", "task": "rte", "values": "66 64"},
        {"base": "six layers", "way": "expert", "task": "cola", "values": "30 32"},
        {"base": "six layers", "way": "expert", "task": "rte", "values": "60 62"},
    ]
    lines = with_earlier(made, earlier)
    assert [(line["way"], line["task"]) for line in lines] == [
        ("expert", "rte"),
        ("expert", "cola"),
        ("UEGP", "rte"),
        ("UEGP", "cola"),
    ]
    assert lines[1]["values"] == "30 32"
    means = with_means(lines)[len(lines) :]
    assert means == [
        {"base": "six layers", "way": "expert", "task": "mean", "mean": 46.0},
        {
            "base": "six layers",
            "way": "UEGP",
            "task": "mean",
            "mean": 44.75,
            "to the expert": -1.25,
            "p over seeds": 0.61,
        },
    ]
