"""Words of a text for keywords and statistics: one word is one word, however Unicode writes it."""

from __future__ import annotations

import re
import unicodedata

from rankdistill.retrieval.scripts import character_pattern, word_pattern
from rankdistill.retrieval.terms import folded

_ASCII_WORD = re.compile(r"[a-z0-9]+(?:'(?![0-9])[a-z0-9]+)?")
_APOSTROPHES = str.maketrans(dict.fromkeys("\u02bc\u2019\uff07", "'"))


def composed(text: str) -> str:
    """Compose letters with their marks where Unicode has one character for both (NFC), and make apostrophes straight.

    >>> composed("don\u2019t")
    "don't"
    """
    return text if text.isascii() else unicodedata.normalize("NFC", text).translate(_APOSTROPHES)


def folded_word(word: str) -> str:
    """Fold the case of a word, and the ways to write it that Unicode has, see `rankdistill.retrieval.terms.folded`."""
    return (word if word.isascii() else folded(composed(word))).lower()  # `folded` leaves the case of ASCII


def words_of(text: str) -> list[str]:
    """Split a text into words, folded, without punctuation; of a script without blanks, into characters.

    An apostrophe inside is part of a word. A word does not depend on the text around it.

    >>> words_of("I don\u2019t know the caf\u00e9's well-known 3.5")
    ['i', "don't", 'know', 'the', "caf\u00e9's", 'well', 'known', '3', '5']
    """
    if text.isascii():  # the same words, in a fraction of the time
        return _ASCII_WORD.findall(text.lower())
    found: list[str] = []
    for match in word_pattern(apostrophes=True).finditer(composed(text)):
        word = folded_word(match[0])
        found += [word] if match.lastgroup == "word" else character_pattern().findall(word)
    return [word for word in found if word]
