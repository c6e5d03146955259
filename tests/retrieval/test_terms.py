"""Terms: what words and identifiers of a text are indexed under."""

import pytest

from rankdistill.retrieval.terms import singular, terms


def test_words_are_lower_cased_and_stop_words_dropped():
    assert terms("The Sum of an Array, of 3-D!") == ["sum", "array", "3", "d"]


def test_identifiers_are_found_whole_and_by_their_parts():
    assert terms("GridSpec") == ["gridspec", "grid", "spec"]
    assert terms("np.random.default_rng(HTTPServer2)") == [
        *("np", "random", "default", "rng"),
        *("httpserver2", "http", "server", "2"),
    ]
    assert terms("NASA Numbers lower") == ["nasa", "number", "lower"]


def test_text_in_other_scripts_is_indexed_too():
    assert terms("Größe naïve") == ["größe", "naïve"]
    assert terms("学习 rank") == ["学", "习", "rank"]


@pytest.mark.parametrize(
    ("word", "folded"),
    [
        *[("queries", "query"), ("images", "image"), ("matrices", "matrice"), ("cats", "cat"), ("gas", "gas")],
        *[("class", "class"), ("focus", "focus"), ("shoes", "shoes"), ("axes", "axe"), ("is", "is")],
    ],
)
def test_plurals_fold_as_the_s_stemmer_says(word, folded):
    assert singular(word) == folded


def test_text_without_words_has_no_terms():
    assert terms("") == terms("?! -- the of") == []
