"""Two systems' runs compared: means over the runs, an interval, and the p-value that the project's tests give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny import judged_collection

from rankdistill.data import read_run, write_run
from rankdistill.errors import DataError
from rankdistill.evaluation import compare
from rankdistill.retrieval.bm25 import bm25
from rankdistill.tasks import Task
from rankdistill.tasks.compare_runs import compare_runs, compare_tasks


@pytest.fixture
def task() -> Task:
    collection = judged_collection()
    return Task(collection, bm25(collection, k=10), measures=("nDCG@10", "PNR"))


def runs_of(task: Task, folder: Path, noise: float, name: str) -> list[Path]:
    """Two runs that order by the labels and noise."""
    folder.mkdir(exist_ok=True)
    labels = np.nan_to_num(task.candidates.join(task.judgments, "label")["label"])
    files = []
    for seed in range(2):
        scores = labels + noise * np.random.default_rng(seed).normal(size=len(labels))
        files.append(folder / f"{name}{seed}.trec.gz")
        write_run(task.candidates.only_columns().with_columns(score=scores), files[-1], "score")
    return files


def test_the_difference_is_that_of_the_means_and_p_that_of_the_paired_test(task: Task, tmp_path: Path) -> None:
    runs = {name: runs_of(task, tmp_path, noise, name) for name, noise in (("expert", 3.0), ("rekindled", 1.0))}
    compared = compare_runs(task, runs)
    assert list(compared) == ["nDCG@10", "PNR"]
    per_query = {}
    for name, files in runs.items():
        results = []
        for file in files:
            read = task.candidates.join(read_run(file), "score")["score"]
            results.append(task.evaluation(read))
        for measure in compared:
            expected = [result.values[measure] for result in results]
            assert compared[measure]["values"][name] == pytest.approx(expected)
            assert compared[measure][name] == pytest.approx(np.mean(expected))
        per_query[name] = {
            query: np.mean([result.shares["nDCG@10"][query] for result in results])
            for query in results[0].shares["PNR"]
        }
    known = compared["nDCG@10"]
    assert known["difference"] == pytest.approx(known["rekindled"] - known["expert"])
    assert known["p_value"] == pytest.approx(compare(per_query["rekindled"], per_query["expert"]).p_value)
    assert known["interval"][0] < known["difference"] < known["interval"][1]
    assert known["p_value"] < 0.05, "less noise is better"
    assert known["interval"][0] > 0


def test_the_same_runs_differ_in_nothing(task: Task, tmp_path: Path) -> None:
    files = runs_of(task, tmp_path, 2.0, "same")
    compared = compare_runs(task, {"expert": files, "rekindled": files})
    assert compared["nDCG@10"]["difference"] == 0
    assert compared["nDCG@10"]["interval"] == [0, 0]
    assert compared["nDCG@10"]["p_value"] == 1


def test_an_infinite_measure_is_not_tested(task: Task, tmp_path: Path) -> None:
    files = runs_of(task, tmp_path, 0.0, "perfect")
    compared = compare_runs(task, {"expert": files, "rekindled": files})
    assert compared["PNR"]["expert"] == np.inf
    assert (compared["PNR"]["interval"], compared["PNR"]["p_value"]) == (None, None)


def test_a_run_that_lacks_a_candidate_is_refused(task: Task, tmp_path: Path) -> None:
    files = runs_of(task, tmp_path, 1.0, "whole")
    short = task.candidates.take_rows(np.arange(len(task.candidates) - 1)).only_columns()
    write_run(short.with_columns(score=np.arange(len(short))), tmp_path / "short.trec", "score")
    with pytest.raises(DataError, match=r"short.trec lacks 1 of the .* query 'q59', document"):
        compare_runs(task, {"expert": files, "rekindled": [tmp_path / "short.trec", files[1]]})


def test_several_tasks_have_a_mean_of_their_first_measures(task: Task, tmp_path: Path) -> None:
    systems = (("single", 3.0), ("mkd", 1.0))
    runs = {name: {system: runs_of(task, tmp_path / name, noise, system) for system, noise in systems} for name in "ab"}
    other = task.with_measures(("RR@10",))
    compared, mean = compare_tasks({"a": task, "b": other}, runs, ("single", "mkd"))
    assert compared["a"] == compare_runs(task, runs["a"], ("single", "mkd"))
    firsts = [compared["a"]["nDCG@10"], compared["b"]["RR@10"]]
    for name in ("single", "mkd", "difference"):
        assert mean[name] == pytest.approx(np.mean([facts[name] for facts in firsts]))
    assert mean["interval"][0] < mean["difference"] < mean["interval"][1]
    widths = [facts["interval"][1] - facts["interval"][0] for facts in firsts]
    assert mean["interval"][1] - mean["interval"][0] < np.mean(widths), "independent errors average out"
    assert mean["p_value"] < 0.05
