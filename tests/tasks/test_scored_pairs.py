"""Tasks of scored pairs: what they ask of a model, and how its labels are measured."""

from __future__ import annotations

import numpy as np
import pytest

from rankdistill.data import Candidates, Collection, Texts
from rankdistill.data.scored_pairs import ScoredPairs
from rankdistill.errors import DataError, UnknownNameError
from rankdistill.tasks import Task

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


def test_hidden_labels_cannot_be_measured() -> None:
    task = task_of(CLASSES).part("test")
    with pytest.raises(DataError, match="none of the 2 pairs has a label: the labels of test sets are hidden"):
        task.evaluation(np.zeros(2, np.float32))


def test_measures_of_rankings_are_refused() -> None:
    with pytest.raises(UnknownNameError, match="unknown measure of scored pairs 'nDCG@10'"):
        task_of(CLASSES, measures=("nDCG@10",))
