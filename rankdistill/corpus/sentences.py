"""Sentences of a document, and whether each is fit to learn from."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import regex

from rankdistill.corpus.settings import CorpusSettings
from rankdistill.errors import MissingExtraError, UsageError

ANY_SCRIPT = "any"
_SEQUENCE = 4
_EMPTY_LINES = re.compile(r"\n\s*\n")


def paragraphs(document: str, language: str, wrapped: bool = False) -> Iterator[list[str]]:
    """Yield the sentences of each paragraph of a document, white space collapsed, none of them empty.

    A paragraph is a line, or, of a document whose lines are wrapped, what is between two empty lines.
    The split is sentencex's, whose rules know abbreviations, quotes and the marks of many languages.
    """
    segment = _segmenter()
    for paragraph in _EMPTY_LINES.split(document) if wrapped else document.split("\n"):
        if joined := " ".join(paragraph.split()) if wrapped else paragraph.strip():
            yield [text for text in (" ".join(part.split()) for part in segment(language, joined)) if text]


@cache
def _segmenter() -> Callable[[str, str], Any]:
    try:
        from sentencex import segment
    except ImportError as error:
        raise MissingExtraError("splitting text into sentences", "corpus") from error
    return segment


@cache
def letters_of(script: str) -> regex.Pattern[str]:
    """Compile the pattern of a script's letters and marks; `UsageError` for a name that Unicode does not have."""
    if script == ANY_SCRIPT:
        return regex.compile(r"[\p{L}\p{M}]")
    try:
        # Marks that several scripts share, as the points of Arabic, belong to none.
        return regex.compile(
            rf"(?V1)[\p{{Script={script}}}[[\p{{Mn}}&&\p{{Script=Inherited}}]--\p{{Default_Ignorable_Code_Point}}]]"
        )
    except regex.error:
        raise UsageError(
            f"unknown script {script!r}: expected a script of Unicode such as Latin, Han, Cyrillic, Arabic, or any"
        ) from None


def _letters(text: str, script: str) -> float:
    visible = sum(not character.isspace() for character in text)
    if text.isascii() and script == "Latin":
        return sum(map(str.isalpha, text)) / visible
    return len(letters_of(script).findall(unicodedata.normalize("NFC", text))) / visible


def _repetition(text: str) -> float:
    sequences = len(text) - _SEQUENCE + 1
    if sequences < 1:
        return 0.0
    return 1 - len({text[i : i + _SEQUENCE] for i in range(sequences)}) / sequences


FILTERS: dict[str, Callable[[str, CorpusSettings], bool]] = {
    "too short": lambda text, settings: len(text) < settings.min_characters,
    "too long": lambda text, settings: len(text) > settings.max_characters,
    "too few letters": lambda text, settings: _letters(text, settings.script) < settings.min_letters,
    "repetitive": lambda text, settings: _repetition(text) > settings.max_repetition,
}
"""Why a sentence is left out -> whether it is; the first reason that holds is counted."""


def reason_against(sentence: str, settings: CorpusSettings) -> str | None:
    """Say why a sentence is left out; None where it is kept."""
    return next((reason for reason, holds in FILTERS.items() if holds(sentence, settings)), None)
