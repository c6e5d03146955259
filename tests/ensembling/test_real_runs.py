"""Real runs of TREC DL 2019 as teachers: scores of three kinds, lists that differ, and judgements of few documents."""

from __future__ import annotations

import numpy as np
import pytest

from rankdistill.data.trec.read import read_qrels, read_run
from rankdistill.ensembling import EnsembleSettings, ensemble
from rankdistill.errors import DataError

TEACHERS = ["bm25", "splade_pp_ed", "tasb"]


@pytest.fixture(scope="module")
def judged_runs(shared_data):
    folder = shared_data / "msmarco-passage-dl"
    candidates = read_run(folder / "runs" / "dl19.bm25.trec.gz", "bm25")
    for name in TEACHERS[1:]:
        candidates = candidates.join(read_run(folder / "runs" / f"dl19.{name}.trec.gz", name))
    return candidates.join(read_qrels(folder / "qrels.dl19.txt"), "label")


def test_runs_that_do_not_list_the_same_documents_are_refused_by_default(judged_runs):
    with pytest.raises(DataError, match=r"teacher '(splade_pp_ed|tasb)' has no score for query '\d+', document '\d+'"):
        ensemble(judged_runs, TEACHERS)


@pytest.mark.parametrize("missing", ["mean-of-others", "min", "drop"])
def test_pile_mends_reversed_pairs_of_real_runs(judged_runs, missing):
    made, report = ensemble(judged_runs, TEACHERS, EnsembleSettings(normalize="minmax", missing=missing))
    assert report.pile is not None
    assert 0 < report.pile.reversed_after < report.pile.reversed_before
    assert report.candidates + report.dropped == len(judged_runs)
    assert report.missing["bm25"] == 0
    assert report.missing["tasb"] == np.isnan(judged_runs["tasb"]).sum() > 0
    assert ((made["pile"] >= 0) & (made["pile"] <= 1)).all()


def test_unjudged_documents_of_real_runs_keep_the_mean(judged_runs):
    settings = {"normalize": "minmax", "missing": "min"}
    made, report = ensemble(judged_runs, TEACHERS, EnsembleSettings("pile", **settings))
    average, _ = ensemble(judged_runs, TEACHERS, EnsembleSettings("mean", **settings))
    unjudged = np.isnan(judged_runs["label"])
    assert report.unlabelled == unjudged.sum() > 0
    assert np.array_equal(made["pile"][unjudged], average["mean"][unjudged])
    assert not np.array_equal(made["pile"][~unjudged], average["mean"][~unjudged])
