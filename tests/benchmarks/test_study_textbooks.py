"""The studies of textbooks: texts cut to a size, a folder for each seed, what is compared with what, and the orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pair_tasks import write_glue
from tiny import make_candidates, make_collection

from benchmarks.studies import ranking_textbooks, textbooks
from benchmarks.studies.rankers import Ground
from benchmarks.studies.textbooks import AUGMENTED, CONTEXT, DISTINCT, GENERAL, OF_ALL, SHARED, TASK, Way, cut, in_order
from rankdistill.data import load_collection, write_run
from rankdistill.data.collection import own_candidates
from rankdistill.data.pair_parts import SCHEMA, pair_ids
from rankdistill.tasks import Task
from rankdistill.textbook.anchors import anchors_of


def table(*rows: tuple[str, str]) -> pa.Table:
    firsts, seconds = zip(*rows, strict=True)
    return pa.table([pair_ids(0, len(rows)), list(firsts), list(seconds)], schema=SCHEMA)


@pytest.mark.parametrize(("kilobytes", "kept"), [(1, 1), (2, 1), (3, 2), (9, 3)])
def test_a_text_is_cut_to_the_rows_that_fit_and_one_at_least(kilobytes: int, kept: int) -> None:
    rows = table(("é" * 600, "a" * 400), ("b" * 1400, ""), ("c", "d"))
    collection, lists = cut(rows, kilobytes, "a name")
    assert (len(lists), len(collection.queries.ids), collection.name) == (kept, kept, "a name")


def test_every_seed_and_size_is_trained_in_a_folder_of_its_own() -> None:
    way = Way("random 3x384", CONTEXT, 4000, "rte", 0)
    others = [replace(way, seed=1), replace(way, kilobytes=250), replace(way, task="sst2")]
    assert len({each.place(each.textbook) for each in (way, *others)}) == 4


def test_a_seed_starts_another_student() -> None:
    assert textbooks.recipe(100, 10, 64, 1e-4, 2).seed == 2
    assert textbooks.recipe(100, 10, 64, 1e-4, 2).epochs == 7


def lines(**changed: float) -> dict[str, dict[str, Any]]:
    distinct = {TASK: 5.0, AUGMENTED: 4.0, CONTEXT: 9.0, GENERAL: 9.5}
    shared = {TASK: 100.0, AUGMENTED: 90.0, CONTEXT: 60.0, GENERAL: 40.0} | changed
    found = {name: {**dict.fromkeys(DISTINCT, value), SHARED: shared[name]} for name, value in distinct.items()}
    for name in (AUGMENTED, CONTEXT, GENERAL):
        found[name] |= {f"{column}{OF_ALL}": found[name][column] for column in DISTINCT}
    return found


def test_the_orders_are_those_of_the_paper_or_not() -> None:
    assert in_order(lines()) == {"Table 3's order": "yes", "Figure 3's order": "yes"}
    assert in_order(lines(general=61.0)) == {"Table 3's order": "yes", "Figure 3's order": "no"}
    found = lines()
    found[CONTEXT][f"{DISTINCT[1]}{OF_ALL}"] = 3.0
    assert in_order(found)["Table 3's order"] == "no"


def test_a_mean_is_compared_with_other_textbooks_over_tasks_and_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    collection = load_collection(f"glue:sst2@{write_glue(tmp_path / 'glue')}")
    task = Task(collection, own_candidates(collection))
    labels = task.held_out.labelled()[0]["label"]
    given = task.held_out.candidates.with_columns(score=np.where(np.arange(20) < 1, 1 - labels, labels))
    write_run(given, tmp_path / "a.trec", "score")
    compared = {}

    def runs(student: str, textbook: str, kilobytes: int, name: str, seeds: Sequence[int]) -> list[Path]:
        return (
            [tmp_path / "a.trec" for _ in seeds] if textbook == CONTEXT else [Path(f"{name}{seed}") for seed in seeds]
        )

    def compare(held_out: Any, runs: Any, names: tuple[str, str]) -> tuple[Any, dict[str, Any]]:
        compared[names] = runs
        return {}, {"difference": 0.3, "interval": [0.1, 0.5], "p_value": 0.0123}

    monkeypatch.setattr(textbooks, "compare_tasks", compare)
    trainings: Any = SimpleNamespace(tasks={"one": task, "two": task}, runs=runs)
    line = textbooks.mean_of(trainings, "s", CONTEXT, 10, (0, 1), (GENERAL, CONTEXT))
    expected = {"to general": 30.0, "95 % interval to general": "10.00 to 50.00", "p to general": 0.012}
    assert line == {"mean": pytest.approx(95), **expected}
    its = {name: {GENERAL: runs("s", GENERAL, 10, name, (0, 1)), CONTEXT: runs("s", CONTEXT, 10, name, (0, 1))}
           for name in ("one", "two")}  # fmt: skip
    assert compared == {(GENERAL, CONTEXT): its}


def test_anchors_of_a_ranking_textbook_are_what_is_learnt_from() -> None:
    collection = make_collection(6)
    lists = make_candidates(collection)
    train, test = lists.take_queries(slice(0, 2)), lists.take_queries(slice(2, 4))
    measured_on: Any = SimpleNamespace(collection=collection, candidates=test)
    asked = ranking_textbooks.learnt(Ground(train, measured_on, "hinge(label)", 64), "tiny")
    assert asked.queries.ids.to_pylist() == train.query_ids.to_pylist()
    assert set(asked.documents.ids.to_pylist()) == set(train.doc_ids.to_pylist())
    assert anchors_of(asked).of_ranking
