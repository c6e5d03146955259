"""RAKE: the example that Rose et al. work by hand, and what packages get wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rankdistill.errors import MissingExtraError, UsageError
from rankdistill.textbook.rake import LONGEST, keywords
from rankdistill.textbook.stop_words import STOP_WORDS, stop_words_of

ABSTRACT = (
    "Compatibility of systems of linear constraints over the set of natural numbers. Criteria of "
    "compatibility of a system of linear Diophantine equations, strict inequations, and nonstrict "
    "inequations are considered. Upper bounds for components of a minimal set of solutions and algorithms "
    "of construction of minimal generating sets of solutions for all types of systems are given. These "
    "criteria and the corresponding algorithms for constructing a minimal supporting set of solutions can "
    "be used in solving all the considered types of systems and systems of mixed types. "
)
PUBLISHED = {
    "minimal generating sets": 8.7,
    "linear diophantine equations": 8.5,
    "minimal supporting set": 7.7,
    "minimal set": 4.7,
    "linear constraints": 4.5,
    "natural numbers": 4.0,
    "strict inequations": 4.0,
    "nonstrict inequations": 4.0,
    "upper bounds": 4.0,
    "corresponding algorithms": 3.5,
    "set": 2.0,
    "algorithms": 1.5,
    "compatibility": 1.0,
    "systems": 1.0,
    "criteria": 1.0,
    "system": 1.0,
    "components": 1.0,
    "constructing": 1.0,
    "solving": 1.0,
}
"""Figure 1.3 of the paper."""
ALSO_STOPPED = {"solutions", "construction", "types", "mixed", "considered", "given", "used"}
"""Words of the abstract that the paper's figure has in no keyword."""


def test_the_example_of_the_paper_has_the_published_scores() -> None:
    found = {phrase: round(score, 1) for phrase, score in keywords(ABSTRACT, STOP_WORDS | ALSO_STOPPED)}
    assert found == PUBLISHED


def test_the_best_come_first_and_of_equal_ones_the_earlier() -> None:
    assert [phrase for phrase, _ in keywords(ABSTRACT)][:3] == [
        "minimal generating sets",
        "linear diophantine equations",
        "minimal supporting set",
    ]
    assert keywords("zebra and ant and cat") == [("zebra", 1.0), ("ant", 1.0), ("cat", 1.0)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a well-known state-of-the-art system", ["well-known state-of-the-art system"]),
        ("it cost 3.5 million in 1984", ["cost 3.5 million", "1984"]),
        ("red fox, red fox", ["red fox"]),
        ("the film is n't bad ... it 's dull", ["film", "bad", "dull"]),
        ("she didn\u2019t laugh", ["laugh"]),
        ("one two; three", ["two", "three"]),
        ("ÉCOLE normale de l'été", ["école normale de l'été"]),
        ("我喜欢猫。", ["我喜欢猫"]),
        ("हिन्दी भाषा सुन्दर है", ["हिन्दी भाषा सुन्दर है"]),
        ("مُحَمَّدٌ كَتَبَ", ["مُحَمَّدٌ كَتَبَ"]),
        ("cafe\u0301 noir", ["café noir"]),
        ("co\u00adoperate, \u2764\ufe0f hearts", ["co\u00adoperate", "hearts"]),
        ("call _private and __init__ on ____", ["call _private", "__init__"]),
    ],
)
def test_keywords_of_real_forms(text: str, expected: list[str]) -> None:
    assert [phrase for phrase, _ in keywords(text, STOP_WORDS | {"one"})] == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "the dog and the cat", ["dog", "cat"]),
        ("de", "Der Hund und die Katze, außer Haus", ["hund", "katze", "haus"]),
        ("hi", "हिन्दी भाषा और सुन्दर", ["हिन्दी भाषा", "सुन्दर"]),
    ],
)
def test_stop_words_are_of_the_language(language: str, text: str, expected: list[str]) -> None:
    if language != "en":
        pytest.importorskip("spacy", reason="the extra 'augment' is not installed")
    assert [phrase for phrase, _ in keywords(text, stop_words_of(language))] == expected


def test_stop_words_of_a_file_are_folded_as_texts_are(tmp_path: Path) -> None:
    file = tmp_path / "stop.txt"
    file.write_text("\ufeffDon\u2019t AUßER\ncafe\u0301", encoding="utf-8")
    assert stop_words_of("en", file) == {"don't", "ausser", "café"}
    text = "dogs don't eat, außer Katzen; we don\u2019t caf\u00e9"
    assert [phrase for phrase, _ in keywords(text, stop_words_of("xx", file))] == ["dogs", "eat", "katzen", "we"]
    file.write_text("")
    assert stop_words_of("de", file) == frozenset()


def test_a_language_without_stop_words_needs_a_file_that_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "latin1").write_bytes("für".encode("latin-1"))
    for file in (tmp_path / "latin1", tmp_path / "none", tmp_path):
        with pytest.raises(UsageError, match="cannot be read as a file of stop words, text in UTF-8"):
            stop_words_of("de", file)
    monkeypatch.setattr("rankdistill.textbook.stop_words.find_spec", lambda name: True)
    with pytest.raises(UsageError, match="no stop words of the language 'qq': give a file of them"):
        stop_words_of("qq")
    monkeypatch.setattr("rankdistill.textbook.stop_words.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"'de' without a file of stop words .*rankdistill\[augment\]"):
        stop_words_of("de")


def test_a_long_run_is_cut_and_nothing_of_it_dropped() -> None:
    words = [f"word{i}" for i in range(2 * LONGEST + 1)]
    found = [phrase for phrase, _ in keywords(" ".join(words))]
    assert [len(phrase.split()) for phrase in found] == [LONGEST, LONGEST, 1]
    assert sorted(word for phrase in found for word in phrase.split()) == sorted(words)


@pytest.mark.parametrize("text", ["", "it was what it was", "?! ... --", "the of and"])
def test_texts_without_a_keyword_have_none(text: str) -> None:
    assert keywords(text) == []


@given(st.text(max_size=80))
def test_any_text_has_keywords_of_at_most_so_many_words_each_once(text: str) -> None:
    found = [phrase for phrase, _ in keywords(text)]
    assert len(set(found)) == len(found)
    assert all(1 <= len(phrase.split()) <= LONGEST and not STOP_WORDS & set(phrase.split()) for phrase in found)
