"""A task: disjoint parts, one convention for training labels and measures, and values that its kind computes."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tiny import judged_collection

from rankdistill.data import Candidates, Collection, Texts
from rankdistill.data.scored_pairs import ScoredPairs
from rankdistill.errors import DataError, UnknownNameError, UsageError
from rankdistill.evaluation.conventions import Conventions
from rankdistill.retrieval.bm25 import bm25
from rankdistill.tasks import KINDS, Splits, Task

IRRELEVANT, MISSING = Conventions(unjudged="irrelevant"), Conventions(unjudged="missing")


@pytest.fixture(scope="module")
def task() -> Task:
    """BM25's best ten for 60 queries, each with one judged document, which is relevant."""
    collection = judged_collection()
    return Task(collection, bm25(collection, k=10))


def with_grade_zero(collection: Collection) -> Candidates:
    """The collection's qrels and one judgment of grade 0."""
    assert collection.qrels is not None
    queries = [*collection.qrels.query_ids.to_pylist(), "q0"]
    documents = [*collection.qrels.doc_ids.to_pylist(), "d70"]
    return Candidates.from_rows(queries, documents, {"label": [*collection.qrels["label"].tolist(), 0.0]})


def test_parts_of_a_task_are_disjoint_and_whole(task: Task) -> None:
    parts = [part.candidates.query_ids.to_pylist() for part in (task.training, task.dev, task.held_out)]
    assert all(parts)
    assert sorted(query for part in parts for query in part) == sorted(task.candidates.query_ids.to_pylist())


def test_parts_follow_the_names_of_splits(task: Task) -> None:
    swapped = dataclasses.replace(task, splits=Splits(train_split="test", test_split="train"))
    assert swapped.training.candidates.query_ids.equals(task.held_out.candidates.query_ids)
    assert swapped.held_out.candidates.query_ids.equals(task.training.candidates.query_ids)


def test_part_to_train_on_must_have_queries(task: Task) -> None:
    with pytest.raises(DataError, match=r"none of the .* queries of the run is in split 'train' of tiny"):
        _ = task.held_out.training
    assert task.held_out.dev.n_queries == 0


def test_judged_part_leaves_out_queries_without_a_judgment(task: Task) -> None:
    assert task.collection.qrels is not None
    few = task.collection.qrels.take_queries(slice(0, 7))
    judged = dataclasses.replace(task, qrels=few).judged()
    assert judged.n_queries == 7
    assert set(judged.judgments.query_ids.to_pylist()) == set(few.query_ids.to_pylist())


def test_unjudged_candidates_are_irrelevant_or_missing(task: Task) -> None:
    irrelevant, n_unjudged = dataclasses.replace(task, conventions=IRRELEVANT).labelled()
    missing, _ = dataclasses.replace(task, conventions=MISSING).labelled()
    judged = ~np.isnan(missing["label"])
    assert 0 < judged.sum() <= task.n_queries
    assert n_unjudged == (~judged).sum()
    assert set(missing["label"][judged]) == {3.0}
    np.testing.assert_array_equal(irrelevant["label"], np.nan_to_num(missing["label"]))


@pytest.mark.parametrize("conventions", [IRRELEVANT, MISSING, Conventions()], ids=lambda each: each.unjudged)
@pytest.mark.parametrize("grade_zero", [False, True])
def test_labels_and_measures_use_one_convention(task: Task, conventions: Conventions, grade_zero: bool) -> None:
    qrels = with_grade_zero(task.collection) if grade_zero else None
    task = dataclasses.replace(task, conventions=conventions, qrels=qrels, measures=("PNR",))
    if conventions.unjudged == "auto":
        assert task.unjudged == ("missing" if grade_zero else "irrelevant")
    scores = np.random.default_rng(0).normal(size=len(task.candidates)).astype(np.float32)
    labelled, _ = task.labelled()
    concordant = discordant = 0
    for query in labelled.with_columns(score=scores).queries():
        labels, values = query.columns["label"], query.columns["score"]
        higher = labels[:, None] > labels[None, :]
        concordant += int((higher & (values[:, None] > values[None, :])).sum())
        discordant += int((higher & (values[:, None] < values[None, :])).sum())
    expected = concordant / discordant if discordant else np.nan
    assert task.evaluation(scores).values["PNR"] == pytest.approx(expected, nan_ok=True)


def test_convention_of_a_part_is_that_of_the_whole(task: Task) -> None:
    graded = dataclasses.replace(task, qrels=with_grade_zero(task.collection))
    part = graded.with_candidates(task.candidates.take_queries(slice(5, 10)))
    assert (part.judgments["label"] > 0).all()
    assert part.unjudged == graded.unjudged == "missing"


def test_labels_that_cannot_be_had_are_an_error(task: Task) -> None:
    with pytest.raises(DataError, match="tiny has no qrels"):
        Task(dataclasses.replace(task.collection, qrels=None), task.candidates).labelled()
    strange = Candidates.from_rows(["q1", "q2"], ["x", "y"])
    with pytest.raises(DataError, match="none of the 2 candidates has a judgment"):
        task.with_candidates(strange).labelled()


def test_unknown_kinds_and_measures_are_named(task: Task) -> None:
    with pytest.raises(UnknownNameError, match="kind of task 'rankng'; did you mean 'ranking'"):
        dataclasses.replace(task, kind="rankng")
    with pytest.raises(UnknownNameError, match="measure 'nDCX'"):
        dataclasses.replace(task, measures=("nDCX@10",))


def test_a_kind_is_one_row_that_brings_its_own_evaluation(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}

    def evaluate(judgments, candidates, scores, measures, conventions):
        seen.update(measures=measures, unjudged=conventions.unjudged, n=len(candidates), shape=scores.shape)
        return KINDS["ranking"].evaluate(judgments, candidates, scores[:, 1], ("RR",), conventions)

    row = dataclasses.replace(KINDS["ranking"], measures=("accuracy",), evaluate=evaluate)
    monkeypatch.setitem(KINDS, "classes", dataclasses.replace(row, check_measures=lambda names: None))
    scores = np.zeros((len(task.candidates), 2), np.float32)
    result = dataclasses.replace(task, kind="classes", measures=()).evaluation(scores)
    assert set(result.values) == {"RR"}
    n = len(task.candidates)
    assert seen == {"measures": ("accuracy",), "unjudged": "irrelevant", "n": n, "shape": (n, 2)}


@pytest.mark.parametrize(("classes", "taken"), [(("no", "yes"), True), (("no", "maybe", "yes"), False)])
def test_f1_is_of_two_classes(classes: tuple[str, ...], taken: bool) -> None:
    texts = Texts.from_pairs(["p"], ["a text"])
    pair = Candidates.from_rows(["p"], ["p"])
    collection = Collection("pairs", texts, texts, candidates=pair, scored_pairs=ScoredPairs("classification", classes))
    if taken:
        assert Task(collection, pair, measures=("f1",)).measures == ("f1",)
        return
    with pytest.raises(UsageError, match="f1 is of two classes, and the task has 3: take accuracy or matthews"):
        Task(collection, pair, measures=("accuracy", "f1"))
