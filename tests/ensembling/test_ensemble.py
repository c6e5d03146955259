"""The front: columns in, one column and a report out, and what happens where a teacher lacks a score."""

from __future__ import annotations

import warnings
from typing import get_args

import numpy as np
import pytest

from rankdistill.data.candidates import Candidates
from rankdistill.ensembling import METHODS, POLICIES, ensemble, mean, normalize, pile_with_report
from rankdistill.ensembling.missing import Policy
from rankdistill.ensembling.normalize import NORMALIZATIONS, SCOPES, Normalization, Scope
from rankdistill.ensembling.settings import EnsembleSettings, MethodName
from rankdistill.errors import DataError, UnknownNameError, UsageError

NAN = np.nan


@pytest.fixture
def complete() -> Candidates:
    rng = np.random.default_rng(0)
    queries = np.repeat([f"q{i}" for i in range(20)], 8)
    labels = rng.integers(0, 4, 160).astype(float)
    labels[::9] = NAN
    teachers = {f"t{k}": np.nan_to_num(labels) + rng.normal(size=160) * 2 for k in (1, 2, 3)}
    return Candidates.from_rows(queries, [f"d{i % 8}" for i in range(160)], {"label": labels, **teachers})


@pytest.fixture
def incomplete() -> Candidates:
    return Candidates.from_rows(
        ["a", "a", "a", "b", "b"],
        ["x", "y", "z", "x", "w"],
        {
            "label": [2, 0, 1, 1, 0],
            "t1": [0.5, NAN, 0.25, 1.0, 2.0],
            "t2": [1.0, 3.0, NAN, NAN, NAN],
            "t3": [4.0, 5.0, 6.0, 7.0, 8.0],
        },
    )


TEACHERS = ["t1", "t2", "t3"]


def test_the_column_is_named_after_the_method_and_the_others_stay(complete):
    for method in ("pile", "mean"):
        made, report = ensemble(complete, TEACHERS, EnsembleSettings(method))
        assert set(made.columns) == {*complete.columns, method}
        assert (report.method, report.teachers, report.candidates, report.dropped) == (method, tuple(TEACHERS), 160, 0)


def test_pile_sees_labels_lists_and_ids_of_the_candidates(complete):
    scores = np.stack([complete[name] for name in TEACHERS])
    values, counts = pile_with_report(scores, complete["label"], complete.offsets, 0.7, 5, complete.query_ids)
    made, report = ensemble(complete, TEACHERS, EnsembleSettings(rate=0.7), seed=5)
    assert np.array_equal(made["pile"], values.astype(np.float32))
    assert report.pile == counts
    assert report.unlabelled == np.isnan(complete["label"]).sum()
    assert counts.reversed_after < counts.reversed_before


def test_pile_of_a_query_does_not_depend_on_which_others_are_there(complete):
    order = np.array([7, 3, 11])
    part, _ = ensemble(complete.take_queries(order), TEACHERS)
    whole, _ = ensemble(complete, TEACHERS)
    assert np.array_equal(part["pile"], whole.take_queries(order)["pile"])


def test_mean_and_single_need_no_labels(complete):
    unlabelled = complete.only_columns(*TEACHERS)
    made, report = ensemble(unlabelled, TEACHERS, EnsembleSettings("mean"))
    assert np.array_equal(made["mean"], mean(np.stack([complete[t] for t in TEACHERS])).astype(np.float32))
    assert report.pile is None
    assert report.unlabelled is None
    made, _ = ensemble(unlabelled, ["t2"], EnsembleSettings("single"))
    assert np.array_equal(made["single"], complete["t2"])
    with pytest.raises(UsageError, match="takes one teacher, got 3"):
        ensemble(unlabelled, TEACHERS, EnsembleSettings("single"))


def test_pile_without_labels_says_what_to_do(complete):
    with pytest.raises(UnknownNameError, match="column 'label'"):
        ensemble(complete.only_columns(*TEACHERS), TEACHERS)
    with pytest.raises(DataError, match=r"none of the 160 candidates has a label.*join the qrels"):
        ensemble(complete.with_columns(label=np.full(160, NAN)), TEACHERS)


def test_normalisation_is_applied_to_each_teacher(complete):
    expected = [normalize(complete[t], complete.offsets, "rank") for t in TEACHERS]
    made, _ = ensemble(complete, TEACHERS, EnsembleSettings("mean", normalize="rank"))
    assert np.array_equal(made["mean"], mean(np.stack(expected)).astype(np.float32))
    over_all, _ = ensemble(complete, TEACHERS, EnsembleSettings("mean", normalize="rank", normalize_over="all"))
    assert not np.array_equal(over_all["mean"], made["mean"])


@pytest.mark.parametrize("method", ["mean", "pile"])
def test_a_teacher_lacking_a_score_is_an_error_that_names_it_and_the_policies(incomplete, method):
    with pytest.raises(DataError) as raised:
        ensemble(incomplete, ["t3", "t2"], EnsembleSettings(method))
    for part in (
        "'t2'",
        "query 'a', document 'z'",
        "missing of 5 candidates: t2: 3",
        "'mean-of-others', 'min', 'drop'",
    ):
        assert part in str(raised.value)


def test_mean_of_others_fills_with_the_teachers_that_have_a_score(incomplete):
    made, report = ensemble(incomplete, TEACHERS, EnsembleSettings("mean", missing="mean-of-others"))
    np.testing.assert_allclose(made["mean"], [5.5 / 3, 4, 3.125, 4, 5])
    assert report.missing == {"t1": 1, "t2": 3, "t3": 0}
    assert (report.policy, report.dropped) == ("mean-of-others", 0)


def test_mean_of_others_refuses_a_candidate_without_any_score(incomplete):
    with pytest.raises(DataError, match=r"no teacher has a score for query 'b', document 'x' \(1 such"):
        ensemble(
            incomplete.with_columns(t1=[1, 1, 1, NAN, 1]),
            ["t1", "t2"],
            EnsembleSettings("mean", missing="mean-of-others"),
        )


def test_min_fills_with_the_teachers_lowest_of_the_query_or_else_of_all(incomplete):
    made, report = ensemble(incomplete, ["t2"], EnsembleSettings("single", missing="min"))
    assert made["single"].tolist() == [1, 3, 1, 1, 1]
    assert report.missing == {"t2": 3}
    made, _ = ensemble(incomplete, ["t1"], EnsembleSettings("single", missing="min"))
    assert made["single"].tolist() == [0.5, 0.25, 0.25, 1, 2]
    with pytest.raises(DataError, match="teacher 't1' has no score for any candidate"):
        ensemble(incomplete.with_columns(t1=np.full(5, NAN)), TEACHERS, EnsembleSettings(missing="min"))


def test_drop_keeps_what_every_teacher_scored(incomplete):
    made, report = ensemble(incomplete, TEACHERS, EnsembleSettings(missing="drop"))
    assert made.query_ids.to_pylist() == ["a"]
    assert made.doc_ids.to_pylist() == ["x"]
    assert (report.candidates, report.dropped, report.unlabelled) == (1, 4, 0)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("method", ["pile", "mean"])
def test_policies_change_nothing_where_no_score_is_missing(complete, policy, method):
    plain, _ = ensemble(complete, TEACHERS, EnsembleSettings(method))
    made, report = ensemble(complete, TEACHERS, EnsembleSettings(method, missing=policy))
    assert np.array_equal(made[method], plain[method])
    assert set(report.missing.values()) == {0}


def test_unknown_names_list_the_valid_ones(complete):
    with pytest.raises(UnknownNameError, match=f"did you mean 'pile'.*{', '.join(sorted(METHODS))}"):
        EnsembleSettings("pille")
    with pytest.raises(UnknownNameError, match="did you mean 'drop'"):
        EnsembleSettings(missing="dropp")
    with pytest.raises(UnknownNameError, match="column 't4'"):
        ensemble(complete, ["t1", "t4"])
    for teachers in ("t1", []):
        with pytest.raises(UsageError, match="at least one column"):
            ensemble(complete, teachers)


def test_no_candidates_make_an_empty_column():
    nothing = Candidates.from_rows([], [], {"label": [], "t1": []})
    for method in METHODS:
        made, _ = ensemble(nothing, ["t1"], EnsembleSettings(method, missing="min"))
        assert len(made[method]) == 0


@pytest.mark.parametrize(
    ("names", "table"),
    [(MethodName, METHODS), (Normalization, NORMALIZATIONS), (Scope, SCOPES), (Policy, POLICIES)],
)
def test_names_for_the_command_line_are_those_of_the_tables(names, table):
    assert set(get_args(names)) == set(table)


MIXED = {"bm25": [20.0, 8.0, 15.0, 11.0], "logit": [0.9, -0.2, 0.4, 0.1], "label": [1, 0, 1, 0]}


def mixed(**columns):
    return Candidates.from_rows(["q"] * 4, list("abcd"), {**MIXED, **columns})


def test_teachers_whose_scales_differ_are_warned_of_once_by_name():
    message = r"of bm25 \(4.5\) is 11.1 times that of logit \(0.4.*--normalize zscore"
    with pytest.warns(UserWarning, match=message) as warned:
        ensemble(mixed(), ["bm25", "logit"])
    assert len(warned) == 1


@pytest.mark.parametrize(
    ("columns", "settings"),
    [
        ({}, EnsembleSettings(normalize="zscore")),
        ({"bm25": [2.0, -1.0, 1.0, 0.5]}, EnsembleSettings()),
        ({"bm25": [7.0] * 4}, EnsembleSettings()),
        ({"bm25": [NAN] * 4}, EnsembleSettings(missing="mean-of-others")),
    ],
)
def test_teachers_of_one_scale_normalised_constant_or_empty_are_not_warned_of(columns, settings):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ensemble(mixed(**columns), ["bm25", "logit"], settings)
