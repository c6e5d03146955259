"""Turn text into index terms: lower-cased words, identifiers also in parts, plurals folded, without stop words."""

from __future__ import annotations

import re
from functools import lru_cache

_STOP = """a an and are as at be by for from has have in into is it its of on or that the their then there these
this to was were which will with"""
STOP_WORDS = frozenset(_STOP.split())

_WORD = re.compile(r"[A-Za-z0-9]+")
# Scripts that are written without spaces are indexed by single characters.
_ANY_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def terms(text: str) -> list[str]:
    """Split a text into index terms, in order, with repetitions.

    Identifiers are split at underscores, and at changes of case, where the whole is a term too: ``GridSpec_base`` gives
    ``gridspec grid spec base``. Plural endings are folded by `singular`.
    """
    terms_of_text: list[str] = []
    for word in (_WORD if text.isascii() else _ANY_WORD).findall(text):
        terms_of_text += _terms_of_word(word)
    return terms_of_text


def singular(word: str) -> str:
    """Fold a plural ending: queries to query, images to image, matrices stays. Source: Harman 1991 (docs/papers.md)."""
    if len(word) < 4 or not word.endswith("s"):
        return word
    if word.endswith("ies") and word[-4] not in "ae":
        return word[:-3] + "y"
    if word.endswith("es"):
        return word if word[-3] in "aeo" else word[:-1]
    return word if word[-2] in "us" else word[:-1]


@lru_cache(maxsize=1 << 18)
def _terms_of_word(word: str) -> tuple[str, ...]:
    lowered = word.lower()
    if lowered in STOP_WORDS:
        return ()
    if not word.isascii() or word[1:] == lowered[1:] or word.isupper():
        return (singular(lowered),)
    parts = _PART.findall(word)
    return (singular(lowered), *(singular(part.lower()) for part in parts if len(parts) > 1))
