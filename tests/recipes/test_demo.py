"""The demo, small: every file it promises, every row on the same queries, and a second call that trains nothing."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from rankdistill.data import Collection, read_qrels, read_run
from rankdistill.errors import UsageError
from rankdistill.evaluation import evaluate
from rankdistill.recipes.demo import DemoSettings, demo

SMALL = DemoSettings(
    teacher_queries=20,
    student_queries=20,
    dev_queries=5,
    test_queries=10,
    list_size=4,
    depth=6,
    max_length=32,
    student_layers=(0,),
)
SYSTEMS = {"bm25", "cosine", "teacher1", "teacher2", "teacher3", "student-base", "student-pile", "student-pile+bm25"}


@pytest.mark.slow
def test_demo_leaves_what_it_promises_and_goes_on_from_it(
    collection: Collection, tiny_base: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "demo"
    board = demo(collection, out, SMALL, tiny_base)
    rows = json.loads((out / "leaderboard.json").read_text())
    assert {row["system"] for row in rows} == SYSTEMS
    assert [row["system"] for row in rows] == [row["system"] for row in board.rows]
    qrels = read_qrels(out / "qrels.txt")
    test = set(collection.split("test"))
    assert set(qrels.query_ids.to_pylist()) <= test
    for row in rows:
        values = evaluate(qrels, read_run(out / row["system"] / "run.trec.gz"), ["nDCG@10"])
        assert row["nDCG@10"] == pytest.approx(values["nDCG@10"])
        assert row["queries"] == qrels.n_queries
        assert (row["parameters"] is None) == (row["system"] in ("bm25", "cosine"))
        assert (row["pairs_per_second"] is None) == (row["system"] in ("bm25", "cosine"))
    by_name = {row["system"]: row for row in rows}
    assert by_name["student-pile"]["parameters"] < by_name["teacher1"]["parameters"]
    assert (out / "student-pile" / "model" / "model.safetensors").is_file()

    weights = (out / "student-pile" / "model" / "model.safetensors").stat().st_mtime_ns
    capsys.readouterr()
    again = demo(collection, out, SMALL, tiny_base)
    assert again.rows == board.rows
    assert (out / "student-pile" / "model" / "model.safetensors").stat().st_mtime_ns == weights
    assert "updates" not in capsys.readouterr().err

    with pytest.raises(UsageError, match="holds a demo with other seed"):
        demo(collection, out, dataclasses.replace(SMALL, seed=1), tiny_base)
