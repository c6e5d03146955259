"""A run that comes in parts has the values of the run at once, whatever the parts are."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankdistill.data import Candidates
from rankdistill.data.candidates import concatenate
from rankdistill.data.parts import write_part, write_parts
from rankdistill.errors import DataError
from rankdistill.evaluation import Conventions, evaluation, leaderboard
from rankdistill.evaluation.in_parts import evaluation_of_parts

MEASURES = ["nDCG@10", "RR@10", "PNR", "PNR(avg=macro)", "Judged@2", "AP", "NumRet", "SetP", "Accuracy"]
QUERIES = [f"q{i}" for i in range(7)]
DOCUMENTS = [*(f"d{i}" for i in range(4)), *QUERIES[:2]]


@st.composite
def lists(draw: st.DrawFn, column: str, values: st.SearchStrategy[float]) -> Candidates:
    """Lists of some of the queries, which may name their own query as a document."""
    documents = st.dictionaries(st.sampled_from(DOCUMENTS), values, min_size=1)
    return Candidates.from_dict(draw(st.dictionaries(st.sampled_from(QUERIES), documents, min_size=1)), column)


def in_parts(run: Candidates, bounds: list[int]) -> list[Candidates]:
    edges = sorted({0, run.n_queries, *(bound for bound in bounds if bound < run.n_queries)})
    return [run.take_queries(slice(start, end)) for start, end in itertools.pairwise(edges)]


@given(
    lists("label", st.sampled_from([0.0, 1.0, 2.0, np.nan])),
    lists("score", st.sampled_from([0.0, 0.5, 1.0])),
    st.lists(st.integers(0, 6)),
    st.sampled_from([Conventions(), Conventions(identical_ids="drop", ties="docid-asc"), Conventions(ties="rank")]),
)
def test_parts_have_the_evaluation_of_the_whole(
    qrels: Candidates, run: Candidates, bounds: list[int], conventions: Conventions
) -> None:
    try:
        whole = evaluation(qrels, run, MEASURES, conventions=conventions)
    except DataError as error:
        with pytest.raises(DataError, match=str(error)[:8]):
            evaluation_of_parts(qrels, in_parts(run, bounds), MEASURES, conventions)
        return
    parts = evaluation_of_parts(qrels, in_parts(run, bounds), MEASURES, conventions)
    for field in dataclasses.fields(whole):
        one, other = getattr(whole, field.name), getattr(parts, field.name)
        assert repr(one) == repr(other), field.name  # NaN is equal to NaN here, and the order of queries counts


def test_a_list_of_nothing_but_its_own_query_is_counted_in_parts_too() -> None:
    qrels = Candidates.from_dict({"q0": {"d0": 0.0}, "q1": {"d0": 0.0}}, "label")
    run = Candidates.from_dict({"q0": {"q0": 0.0}, "q1": {"d0": 0.0}}, "score")
    conventions = Conventions(identical_ids="drop", ties="docid-asc")
    whole = evaluation(qrels, run, ["nDCG@10"], conventions=conventions)
    parts = evaluation_of_parts(qrels, in_parts(run, [1]), ["nDCG@10"], conventions)
    assert (whole.own_documents, parts.own_documents) == (1, 1)
    assert repr(whole) == repr(parts)


def runs_of(folder: Path) -> tuple[Candidates, Candidates]:
    """Judgments of five queries and a run of four of them, in two parts of two lists."""
    random = np.random.default_rng(0)
    names = [f"q{i}" for i in range(5)]
    judged = Candidates.from_dict(
        {q: {f"d{i}": float(random.integers(0, 3)) for i in range(6)} for q in names}, "label"
    )
    run = Candidates.from_dict({q: {f"d{i}": random.normal() for i in range(6)} for q in names[:4]}, "score")
    write_parts(run, folder, queries=2)
    return judged, run


def test_a_leaderboard_takes_parts_one_by_one(tmp_path: Path) -> None:
    judged, run = runs_of(tmp_path / "a.parts")
    both = leaderboard({"parts": tmp_path / "a.parts", "whole": run}, judged, ["nDCG@10", "PNR"])
    one, other = both.rows
    assert {**one, "system": ""} == {**other, "system": ""}
    assert one["missing_queries"] == 1
    assert both.tops["parts"].query_ids == both.tops["whole"].query_ids
    assert both.tops["parts"].doc_ids == both.tops["whole"].doc_ids


def test_a_list_in_two_parts_is_refused(tmp_path: Path) -> None:
    judged, run = runs_of(tmp_path / "a.parts")
    first = run.take_queries([0])
    with pytest.raises(DataError, match="'q0' is in two parts"):
        evaluation_of_parts(judged, [run, first], "RR@10")
    for number, part in enumerate((run, first)):
        write_part(part, tmp_path / "twice" / f"{number:05}.parquet")
    with pytest.raises(DataError, match="'q0' is in two parts"):
        Conventions().parts(tmp_path / "twice")


def test_parts_without_a_judged_query_are_refused() -> None:
    judged = Candidates.from_dict({"q1": {"d": 1.0}}, "label")
    other = [Candidates.from_dict({f"x{i}": {"d": 1.0}}, "score") for i in range(3)]
    with pytest.raises(DataError, match=r"none of the run's 3 queries \('x0'\) is judged, the qrels judge 'q1'"):
        evaluation_of_parts(judged, other, "RR@10")
    assert evaluation(
        judged, concatenate([*other, judged.with_columns(score=[1.0]).only_columns("score")]), "RR@10"
    ).values
