"""Names of measures: what is read, and what is said about what is not."""

import ir_measures
import pytest
from ir_measures import AP, nDCG

from rankdistill.errors import UnknownNameError, UsageError
from rankdistill.evaluation import DCG, PNR, parse_measure, parse_measures


@pytest.mark.parametrize("name", ["nDCG@10", "RR@10", "AP", "AP(rel=2)@100", "P@10", "R@100", "Judged@10", "IPrec@0.1"])
def test_names_mean_what_they_mean_in_ir_measures(name):
    assert parse_measure(name) == ir_measures.parse_measure(name)


def test_words_need_no_quotes():
    assert parse_measure("PNR(avg=macro)") == parse_measure("PNR(avg='macro')") == PNR(avg="macro")
    assert parse_measure("DCG(gain=exp)@10") == DCG(gain="exp") @ 10


def test_measures_go_by_the_names_given():
    assert parse_measures(["MRR@10", nDCG @ 10, AP]) == {
        "MRR@10": ir_measures.RR @ 10,
        "nDCG@10": nDCG @ 10,
        "AP": AP,
    }
    assert list(parse_measures("nDCG@10")) == ["nDCG@10"]


def test_an_unknown_measure_gets_the_valid_ones_and_the_nearest():
    with pytest.raises(UnknownNameError, match=r"unknown measure 'nDGC'; did you mean 'nDCG'\? Valid: .*DCG.*PNR"):
        parse_measure("nDGC@10")


def test_only_families_that_can_be_computed_here_are_said_to_be_valid():
    with pytest.raises(UnknownNameError) as caught:
        parse_measure("whatever")
    valid = str(caught.value).split("Valid: ")[1].split(", ")
    assert {"nDCG", "RR", "MRR", "AP", "P", "R", "ERR", "Judged", "PNR", "DCG"} <= set(valid)
    assert "alpha_nDCG" not in valid, "judgments hold no subtopics"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nDCG@0", "cutoff cannot be 0"),
        ("nDCG@-3", "cutoff cannot be -3"),
        ("nDCG@True", "cutoff cannot be True"),
        ("nDCG@x", "expected Family"),
        ("nDCG@", "expected Family"),
        ("nDCG(10)", "expected Family"),
        ("nDCG@10; import os", "expected Family"),
        ("__import__('os').system('true')", "expected Family"),
        ("", "expected Family"),
        ("P", "parameter 'cutoff'.*is missing"),
        ("PNR@10", "no parameter 'cutoff'; it takes: avg"),
        ("PNR(avg=median)", "cannot be 'median'; expected str, one of 'pooled', 'macro'"),
        ("nDCG(gian=exp)@10", "no parameter 'gian'"),
    ],
)
def test_a_name_that_cannot_be_meant_is_an_error(name, said):
    with pytest.raises(UsageError, match=said):
        parse_measure(name)


def test_a_measure_object_is_checked_too():
    with pytest.raises(UsageError, match="cutoff cannot be 0"):
        parse_measures([nDCG @ 0])


def test_no_measure_is_an_error():
    with pytest.raises(UsageError, match="at least one"):
        parse_measures([])
