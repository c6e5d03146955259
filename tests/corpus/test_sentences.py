"""Sentences, and which of them are left out."""

from __future__ import annotations

import pytest

from rankdistill.corpus.block import adjacent, process_block
from rankdistill.corpus.sentences import letters_of, paragraphs, reason_against
from rankdistill.corpus.settings import CorpusSettings
from rankdistill.errors import UsageError

pytest.importorskip("sentencex", reason="the extra 'corpus' is not installed")
GOOD = ["The first sentence is about a cat.", "The second one tells of a dog.", "A third one ends the story."]


@pytest.mark.parametrize(
    ("document", "language", "expected"),
    [
        ("Dr. Smith paid $3.50 for it.  He left.", "en", [["Dr. Smith paid $3.50 for it.", "He left."]]),
        ("One line.\n\n Another line. ", "en", [["One line."], ["Another line."]]),
        ("第一句话。第二句话。", "zh", [["第一句话。", "第二句话。"]]),
        ("", "en", []),
        ("   \n", "en", []),
    ],
)
def test_lines_are_split_into_sentences(document: str, language: str, expected: list[list[str]]) -> None:
    assert list(paragraphs(document, language)) == expected


@pytest.mark.parametrize(
    ("sentence", "settings", "reason"),
    [
        (GOOD[0], {}, None),
        ("Etymology.", {}, "too short"),
        ("word " * 101, {}, "too long"),
        ("1234 5678 9012 3456, 12 and 13", {}, "too few letters"),
        ("Это предложение написано по-русски.", {}, "too few letters"),
        ("Это предложение написано по-русски.", {"script": "Cyrillic"}, None),
        ("Это предложение написано по-русски.", {"script": "any"}, None),
        ("ha ha ha ha ha ha ha ha ha ha ha", {}, "repetitive"),
        ("Ça a été très décevant à l'époque.", {}, None),
        ("كَتَبَ مُحَمَّدٌ رِسَالَةً إِلَى صَدِيقِهِ", {"script": "Arabic"}, None),
        ("लड़की किताब पढ़ती है और लिखती है।", {"script": "Devanagari"}, None),
        ("\u2764\ufe0f\u2600\ufe0f\u2601\ufe0f word " * 3, {}, "too few letters"),
    ],
)
def test_unfit_sentences_are_left_out_for_a_reason(sentence: str, settings: dict, reason: str | None) -> None:
    assert reason_against(sentence, CorpusSettings(**settings)) == reason


def test_wrapped_lines_are_one_paragraph_up_to_an_empty_line() -> None:
    document = "A sentence that goes\n  over the line. Another\none.\n \nThe last."
    assert list(paragraphs(document, "en", wrapped=True)) == [
        ["A sentence that goes over the line.", "Another one."],
        ["The last."],
    ]
    assert [len(each) for each in paragraphs(document, "en")] == [1, 2, 1, 1]


@pytest.mark.parametrize(
    ("kept", "overlap", "expected"),
    [
        ("kkkkk", False, ["01", "23"]),
        ("kkkkk", True, ["01", "12", "23", "34"]),
        ("kxkk", False, ["23"]),
        ("xkkk", True, ["12", "23"]),
        ("kxk", True, []),
        ("k", False, []),
    ],
)
def test_only_neighbours_that_are_both_kept_are_paired(kept: str, overlap: bool, expected: list[str]) -> None:
    reasons = [None if each == "k" else "too short" for each in kept]
    assert [f"{first}{second}" for first, second in adjacent(reasons, overlap)] == expected


def test_a_block_counts_what_it_saw_and_left_out() -> None:
    block = process_block([" ".join(GOOD[:2]) + " No.", GOOD[2]], CorpusSettings())
    assert list(zip(block.firsts, block.seconds, strict=True)) == [(GOOD[0], GOOD[1])]
    unfit = {"too short": 1, "too long": 0, "too few letters": 0, "repetitive": 0}
    assert block.counts == {"documents": 2, "sentences": 4, **unfit, "without a neighbour": 1, "pairs": 1}
    assert block.keys.shape[1] == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"min_characters": 0}, "min_characters must be at least 1"),
        ({"min_characters": 9, "max_characters": 8}, "at most max_characters, got 9 and 8"),
        ({"min_letters": 1.5}, "min_letters is a share"),
        ({"max_repetition": float("nan")}, "max_repetition is a share"),
        ({"similarity": 0.1}, "similarity must be from 0.5 to 1"),
        ({"pairs": 0}, "pairs must be at least 1"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings: dict, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        CorpusSettings(**settings)


def test_an_unknown_script_is_refused() -> None:
    with pytest.raises(UsageError, match="unknown script 'Latine'"):
        letters_of("Latine")
