"""RAKE: the keywords of a short text, by the words that stand together in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Set
from functools import cache

from rankdistill.retrieval.scripts import within_words
from rankdistill.textbook.stop_words import STOP_WORDS
from rankdistill.textbook.words import composed, folded_word

LONGEST = 5
"""Words of a keyword; a longer run of words is cut into keywords of this many, and none is dropped."""


def keywords(text: str, stop_words: Set[str] = STOP_WORDS) -> list[tuple[str, float]]:
    """Find the keywords of a text and their scores, the best first, of equal ones the earlier; each once, lower-cased.

    A keyword is a run of words without a stop word or punctuation between them. A word's score is the number of words
    in all keywords that have it, itself included, through the number of times it occurs (degree through frequency); a
    keyword's is the sum of its words'. A word is letters of any script with their marks; one with inner hyphens,
    apostrophes or points is one word, an identifier keeps its underscores; numbers are words. Text without blanks
    between words, such as Chinese, is not segmented: what is between two punctuation marks is one word. stop_words: of
    the text's language, folded, see `rankdistill.textbook.stop_words.stop_words_of`.
    Source: Rose et al. 2010, without the keywords that have stop words inside (docs/papers.md).

    >>> keywords("A rope-dancer and the red house of the dancer")
    [('red house', 4.0), ('rope-dancer', 1.0), ('dancer', 1.0)]
    """
    found = list(_runs(text, stop_words))
    frequency, degree = Counter[str](), Counter[str]()
    for run in found:
        for word in run:
            frequency[word] += 1
            degree[word] += len(run)
    scores = {" ".join(run): sum(degree[word] / frequency[word] for word in run) for run in found}
    return sorted(scores.items(), key=lambda pair: -pair[1])


@cache
def _token() -> re.Pattern[str]:
    word = rf"[\w{within_words()}]+"
    return re.compile(rf"{word}(?:[-'.]{word})*|[^\w\s]")


def _runs(text: str, stop_words: Set[str]) -> Iterator[tuple[str, ...]]:
    run: list[str] = []
    for token in [*_token().findall(composed(text.lower())), "."]:
        is_word = any(map(str.isalnum, token)) and folded_word(token) not in stop_words
        if run and (not is_word or len(run) == LONGEST):
            yield tuple(run)
            run = []
        if is_word:
            run.append(token)
