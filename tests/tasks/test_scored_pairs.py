"""Tasks of scored pairs: what they ask of a model, and how its labels are measured."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from rankdistill.data import Candidates, Collection, Texts
from rankdistill.data.scored_pairs import ScoredPairs
from rankdistill.errors import DataError, MissingExtraError, UnknownNameError
from rankdistill.tasks import Splits, Task
from rankdistill.tasks.leaderboard import pair_leaderboard

LABELS = {"train": [0, 1, 1, 0], "dev": [1, 0, 1], "test": [np.nan, np.nan]}


def pairs(scored: ScoredPairs) -> Collection:
    splits = {split: [f"{split}-{row}" for row in range(len(labels))] for split, labels in LABELS.items()}
    ids = [each for split in splits.values() for each in split]
    labels = np.concatenate([*LABELS.values()]).astype(np.float32)
    known = np.flatnonzero(~np.isnan(labels))
    judged = [ids[row] for row in known]
    texts = Texts.from_pairs(ids, ["a cat"] * len(ids))
    return Collection(
        "pairs",
        texts,
        texts,
        Candidates.from_rows(judged, judged, {"label": labels[known]}),
        Candidates.from_rows(ids, ids),
        splits,
        unjudged="missing",
        scored_pairs=scored,
    )


def task_of(scored: ScoredPairs, **more) -> Task:
    collection = pairs(scored)
    assert collection.candidates is not None
    return Task(collection, collection.candidates, **more)


CLASSES = ScoredPairs("classification", ("no", "yes"), measures=("accuracy", "f1"))
RANGE = ScoredPairs("similarity", lowest=1.0, highest=5.0)


def test_kind_objective_and_measures_are_those_of_the_labels() -> None:
    task = task_of(CLASSES)
    assert (task.kind, task.measures, task.objective) == ("classification", ("accuracy", "f1"), "cross_entropy(label)")
    assert task.distillation == "kl(target)"
    task = task_of(RANGE)
    assert (task.kind, task.measures) == ("similarity", ("pearson", "spearman"))
    assert task.objective == "similarity_mse(label, lowest=1.0, highest=5.0)"


def test_results_are_told_on_a_split_with_labels_unless_another_is_named() -> None:
    assert task_of(CLASSES).held_out.candidates.query_ids.to_pylist() == ["dev-0", "dev-1", "dev-2"]


def test_labels_are_measured_where_they_are_known() -> None:
    task = task_of(CLASSES)
    result = task.evaluation(np.array([0, 1, 0, 0, 1, 1, 1, 0, 1], np.float32))
    assert result.values == {"accuracy": pytest.approx(5 / 7), "f1": pytest.approx(0.75)}
    assert result.notes == ["2 of 9 pairs have no label and are left out"]


@pytest.mark.parametrize("value", [0.13, 7, -1, 2, np.inf])
def test_what_is_no_class_is_refused_with_its_pair(value: float) -> None:
    task = task_of(CLASSES).part("dev")
    given = np.array([0, value, 1], np.float32)
    said = rf"the run holds {value:g} for query 'dev-1', .*expected the number of a class, 0 to 1 \(0 is no, 1 is yes\)"
    with pytest.raises(DataError, match=said):
        task.evaluation(given)
    with pytest.raises(DataError, match=f"system 'b': {said}"):
        pair_leaderboard({"b": task.candidates.with_columns(score=given)}, task)


def test_similarities_outside_the_range_are_measured() -> None:
    assert task_of(RANGE).part("dev").evaluation(np.array([9.5, -2, 9], np.float32)).values["spearman"] > 0.5


@pytest.mark.parametrize(
    ("measured", "splits", "given", "chosen"),
    [
        ("dev_matched", ("train", "dev_matched"), None, "dev_matched"),
        ("test", ("train", "dev", "test"), None, "dev"),
        ("test", ("train", "test"), None, "test"),
        ("test", ("train", "dev", "test"), "test", "test"),
        ("test", (), None, "dev"),
    ],
)
def test_checkpoints_are_chosen_on_dev_or_else_where_results_are_told(
    measured: str, splits: tuple[str, ...], given: str | None, chosen: str
) -> None:
    collection = pairs(replace(CLASSES, measured_split=measured))
    parts = zip(splits, collection.splits.values(), strict=False)
    collection = replace(collection, splits=dict(parts))
    assert collection.candidates is not None
    task = Task(collection, collection.candidates, splits=Splits(dev_split=given))
    assert task.dev_split == chosen
    assert task.dev.candidates.query_ids.to_pylist() == collection.split(chosen)


def test_a_package_that_lacks_is_named_before_anything_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    classes, numbers = task_of(CLASSES), task_of(RANGE)
    numbers.check_installed()
    numbers.check_measurable()
    for check in (classes.check_installed, classes.check_measurable):
        with pytest.raises(MissingExtraError, match=r"the measure accuracy .*rankdistill\[glue\]"):
            check()
    run = {"a": classes.candidates}  # without a score, which is not read before
    with pytest.raises(MissingExtraError, match="the measure f1"):
        pair_leaderboard(run, classes, ["f1"])


def test_hidden_labels_cannot_be_measured() -> None:
    task = task_of(CLASSES).part("test")
    with pytest.raises(DataError, match="none of the 2 pairs has a label: the labels of test sets are hidden"):
        task.evaluation(np.zeros(2, np.float32))


def test_measures_of_rankings_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="unknown measure of scored pairs 'nDCG@10'"):
        task_of(CLASSES, measures=("nDCG@10",))
