"""Turn text of any script into index terms: words without their case, identifiers also in parts, plurals folded."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import pairwise

from rankdistill.retrieval.scripts import (
    IGNORED,
    POINTS,
    character_class,
    character_pattern,
    other_than_plain,
    run_pattern,
    word_pattern,
)

_STOP = """a an and are as at be by for from has have in into is it its of on or that the their then there these
this to was were which will with"""
STOP_WORDS = frozenset(_STOP.split())
TERMS_VERSION = 2
"""Changes whenever a text's terms do; part of the key of cached indexes."""
MANY_UNSEGMENTED = 0.1
"""Share of the documents above which a note says that text without blanks between words is not segmented."""

_WORD = re.compile(r"[A-Za-z0-9]+")
_PLAIN_WORD = re.compile(r"[^\W_]+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_INVISIBLE = re.compile(f"[{character_class(IGNORED)}]+")
_POINTS = re.compile(f"[{character_class(POINTS)}]+")
_OTHER_DIGIT = re.compile(r"[^\D0-9]")


def terms(text: str) -> list[str]:
    """Split a document's text into index terms, in order, with repetitions.

    Identifiers are split at underscores, and at changes of case, where the whole is a term too: ``GridSpec_base`` gives
    ``gridspec grid spec base``. Plural endings are folded by `singular`. Text without blanks between words (Chinese,
    Japanese, Korean, Thai, Lao, Khmer, Burmese and their like) is not segmented: its terms are the single characters
    and the pairs of neighbours. Of one word's different encodings the terms are the same, see `folded`.
    """
    return _terms(text, of_query=False)


def query_terms(text: str) -> list[str]:
    """Split a query into terms to look up: as `terms`, but of text without blanks the pairs only.

    A single character that stands alone is looked up as such. Source: Nie et al. 2000 (docs/papers.md).
    """
    return _terms(text, of_query=True)


def is_unsegmented(text: str) -> bool:
    """Tell whether a text has letters of a script that is written without blanks between words."""
    return not text.isascii() and run_pattern().search(text) is not None


def singular(word: str) -> str:
    """Fold a plural ending: queries to query, images to image, matrices stays. Source: Harman 1991 (docs/papers.md)."""
    if len(word) < 4 or not word.endswith("s"):
        return word
    if word.endswith("ies") and word[-4] not in "ae":
        return word[:-3] + "y"
    if word.endswith("es"):
        return word if word[-3] in "aeo" else word[:-1]
    return word if word[-2] in "us" else word[:-1]


def folded(word: str) -> str:
    """Fold the ways to write one word that Unicode has: composed or not, of full or half width, in any case.

    Characters that do not show are dropped, so are the points of Arabic and Hebrew. ß is ss; Turkish dotted and
    dotless i are i, as a text does not say its language; digits of all scripts are 0 to 9. Accents stay. Words with
    raised, lowered or circled numbers keep them: 10⁶ is not 106. Source: Unicode, NFKC_Casefold.
    """
    word = form = _INVISIBLE.sub("", word)
    if not unicodedata.is_normalized("NFKC", word):
        numbered = any(unicodedata.category(character) == "No" for character in word)
        form = unicodedata.normalize("NFC" if numbered else "NFKC", word)
        if not word_pattern().fullmatch(form):  # a sign that stands for several words
            form = unicodedata.normalize("NFC", word)
    if form.isascii():
        return form
    form = unicodedata.normalize("NFC", _POINTS.sub("", form).casefold())
    form = form.replace("i\u0307", "i").replace("\u0131", "i")
    return _OTHER_DIGIT.sub(lambda digit: str(unicodedata.decimal(digit[0])), form)


def _terms(text: str, of_query: bool) -> list[str]:
    found: list[str] = []
    plain = _WORD if text.isascii() else _PLAIN_WORD if not other_than_plain().search(text) else None
    if plain is not None:  # the same words, in a fraction of the time
        for word in plain.findall(text):
            found += _terms_of_word(word)
        return found
    for match in word_pattern().finditer(text):
        if match.lastgroup == "word":
            found += _terms_of_word(match[0])
        else:
            found += _pairs(match[0], of_query)
    return found


def _pairs(run: str, of_query: bool) -> list[str]:
    """Single characters of a run without blanks, and pairs of neighbours; of a query the pairs, where there are any."""
    characters = character_pattern().findall(folded(run))
    pairs = [first + second for first, second in pairwise(characters)]
    return pairs or characters if of_query else characters + pairs


@lru_cache(maxsize=1 << 18)
def _terms_of_word(word: str) -> tuple[str, ...]:
    if not word.isascii():
        word = folded(word)
    lowered = word.lower()
    if lowered in STOP_WORDS or not lowered:
        return ()
    if not word.isascii() or word[1:] == lowered[1:] or word.isupper():
        return (singular(lowered),)
    parts = _PART.findall(word)
    return (singular(lowered), *(singular(part.lower()) for part in parts if len(parts) > 1))
