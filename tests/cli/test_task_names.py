"""Tasks on the command line: their names, and what is given task by task."""

from __future__ import annotations

from pathlib import Path

import pytest

from rankdistill.cli.task_names import TaskSplits, by_task, named_tasks, own_name
from rankdistill.errors import UnknownNameError, UsageError
from rankdistill.tasks import Splits


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("glue:rte@/data/glue", "rte"),
        ("glue:sst2", "sst2"),
        ("task:/data/my task", "my-task"),
        ("task:data/reviews/", "reviews"),
        ("/data/docs#v2", "docs"),
        ("irds:msmarco-passage/trec-dl-2019/judged", "msmarco-passage-trec-dl-2019-judged"),
        ("pydocs", "pydocs"),
    ],
)
def test_a_source_names_its_task(source: str, name: str) -> None:
    assert own_name(source) == name
    assert named_tasks([source]) == {name: source}


def test_names_that_are_given_hold_and_keep_the_order() -> None:
    assert named_tasks(["b=glue:rte@F", "glue:rte@G", "x.y-1=task:a=b"]) == {
        "b": "glue:rte@F",
        "rte": "glue:rte@G",
        "x.y-1": "task:a=b",
    }


def test_one_source_may_have_two_names() -> None:
    assert named_tasks(["a=glue:rte@F", "b=glue:rte@F"]) == {"a": "glue:rte@F", "b": "glue:rte@F"}


def test_a_folder_with_the_sign_in_its_name_is_a_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a=b").mkdir()
    monkeypatch.chdir(tmp_path)
    assert named_tasks(["a=b"]) == {"a-b": "a=b"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["glue:rte@F", "glue:rte@G"], "both called 'rte'.*NAME=SOURCE"),
        (["glue:rte@F", "RTE=glue:mrpc@F"], "both called 'RTE'"),
        (["glue:rte@F", "glue:rte@F"], "given twice"),
        (["task:.."], "'' cannot name the folder of the task task:..: give it a name of its own"),
        ([f"{'a' * 81}=glue:rte@F"], "cannot name the folder"),
    ],
)
def test_names_that_collide_or_are_no_folders_are_refused(words: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        named_tasks(words)


def test_values_are_read_by_task_in_their_order() -> None:
    assert by_task(["a=x", "b=y=z", "a=w"], ["a", "b"], "--runs") == {"a": ["x", "w"], "b": ["y=z"]}
    with pytest.raises(UsageError, match="--runs says for which task: got 'x'"):
        by_task(["x"], ["a"], "--runs")
    with pytest.raises(UnknownNameError, match="task 'c'"):
        by_task(["c=x"], ["a"], "--runs")


def test_a_split_is_of_all_tasks_or_of_one() -> None:
    given = TaskSplits(train_split=("b=few",), dev_split=("x", "a=y"), test_split=("z",))
    assert given.by_task(["a", "b"]) == {"a": Splits("train", "y", "z"), "b": Splits("few", "x", "z")}
    assert TaskSplits().by_task(["a"]) == {"a": Splits()}


@pytest.mark.parametrize(
    ("words", "error", "said"),
    [
        (("x", "y"), UsageError, "--train-split names 2 splits of all tasks, x, y: name one"),
        (("z", "a=x", "a=y"), UsageError, "--train-split names 2 splits of a, x, y: name one"),
        (("c=x",), UnknownNameError, "task 'c'"),
    ],
)
def test_two_splits_of_one_task_and_those_of_no_task_are_refused(
    words: tuple[str, ...], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        TaskSplits(train_split=words).by_task(["a", "b"])
