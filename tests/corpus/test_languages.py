"""Languages: the codes that are known are those that sentencex reads otherwise than English, and no word is one."""

from __future__ import annotations

from itertools import product
from string import ascii_lowercase

import pytest

from rankdistill.corpus.languages import LANGUAGES, LIKE, RULES, check_language
from rankdistill.corpus.settings import CorpusSettings
from rankdistill.errors import UsageError
from rankdistill.textbook.stop_words import stop_words_of

ABBREVIATED = {
    "am": "\u12d3",
    "ar": "\u0627",
    "bg": "\u0430\u043a\u0430\u0434",
    "bn": "\u098f",
    "da": "adr",
    "de": "\u00e4",
    "el": "\u0394\u03c1",
    "es": "abr",
    "fi": "\u00c5",
    "fr": "ann",
    "gu": "\u0a8f",
    "hi": "\u090f",
    "it": "\u00b0c",
    "kk": "afp",
    "kn": "\u0c8e",
    "ml": "\u0d21\u0d4b",
    "nl": "2d",
    "pa": "\u0a0f",
    "pl": "ags",
    "pt": "DRA",
    "ru": "\u0430",
    "sk": "akad",
    "ta": "\u0b8f",
    "te": "\u0c0e",
    "uk": "\u0430\u0432\u0442",
}
"""An abbreviation of each language whose rules have any, and that is none in English."""
TEXT = " ".join(f"Xyz foo {word}. Abc def." for word in ABBREVIATED.values())


def split(language: str, text: str = TEXT) -> list[str]:
    from sentencex import segment

    return list(segment(language, text))


@pytest.fixture(autouse=True)
def _needs_sentencex() -> None:
    pytest.importorskip("sentencex", reason="the extra 'corpus' is not installed")


@pytest.mark.parametrize("language", ABBREVIATED)
def test_languages_with_rules_have_them(language: str) -> None:
    assert language in RULES
    text = f"Xyz foo {ABBREVIATED[language]}. Abc def."
    assert (len(split(language, text)), len(split("en", text))) == (1, 2)


def test_relatives_are_read_by_the_rules_that_are_said() -> None:
    assert {code for code, rules in LIKE.items() if split(code) != split(rules)} == set()


def test_languages_without_rules_are_read_as_english() -> None:
    assert {code for code in LANGUAGES - {*RULES, *LIKE} if split(code) != split("en")} == set()


def test_no_code_that_has_rules_is_unknown() -> None:
    english = split("en")
    codes = ("".join(letters) for n in (2, 3) for letters in product(ascii_lowercase, repeat=n))
    assert {code for code in codes if split(code) != english} <= LANGUAGES


@pytest.mark.parametrize("language", ["en", "de", "zh", "zh-tw", "sv", "als", "sr-latn", "grc"])
def test_codes_are_taken(language: str) -> None:
    assert CorpusSettings(language=language).language == language


@pytest.mark.parametrize(
    ("language", "near"),
    [
        ("germann", "'de' (German)"),
        ("Spanish", "'es' (Spanish)"),
        ("DE", "'de' (German)"),
        ("de_DE", "'de' (German)"),
        ("en-GB", "'en' (English)"),
        ("zh_Hans", "'zh-hans'"),
        ("zh-tww", "'zh'"),
    ],
)
def test_an_unknown_language_is_refused_with_the_nearest_code(language: str, near: str) -> None:
    with pytest.raises(UsageError) as refused:
        CorpusSettings(language=language)
    assert f"unknown language {language!r}; did you mean {near}? Expected an ISO code" in str(refused.value)


@pytest.mark.parametrize("language", ["", "xx", "qqqqqq", "\u0939\u093f"])
def test_what_is_near_no_language_is_refused(language: str) -> None:
    with pytest.raises(UsageError, match=r"unknown language .*\. Expected an ISO code"):
        check_language(language)


def test_all_languages_that_have_stop_words_are_known() -> None:
    spacy = pytest.importorskip("spacy", reason="the extra 'augment' is not installed")
    from pathlib import Path

    codes = {file.parent.name for file in Path(spacy.__file__).parent.glob("lang/*/stop_words.py")}
    assert "sv" in codes
    assert codes <= LANGUAGES
    assert stop_words_of("sv")
