"""RAKE: the keywords of a short text, by the words that stand together in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Set

from rankdistill.textbook.stop_words import STOP_WORDS

LONGEST = 5
"""Words of a keyword; a longer run of words is cut into keywords of this many, and none is dropped."""
_TOKEN = re.compile(r"\w+(?:[-'.]\w+)*|[^\w\s]")


def keywords(text: str, stop_words: Set[str] = STOP_WORDS, longest: int = LONGEST) -> list[tuple[str, float]]:
    """Find the keywords of a text and their scores, the best first, of equal ones the earlier; each once, lower-cased.

    A keyword is a run of words without a stop word or punctuation between them. A word's score is the number of words
    in all keywords that have it, itself included, through the number of times it occurs (degree through frequency); a
    keyword's is the sum of its words'. A word with inner hyphens, apostrophes or points is one word; numbers are words.
    Source: Rose et al. 2010, without the keywords that have stop words inside (docs/papers.md).

    >>> keywords("A rope-dancer and the red house of the dancer")
    [('red house', 4.0), ('rope-dancer', 1.0), ('dancer', 1.0)]
    """
    found = list(_runs(text, stop_words, longest))
    frequency, degree = Counter[str](), Counter[str]()
    for run in found:
        for word in run:
            frequency[word] += 1
            degree[word] += len(run)
    scores = {" ".join(run): sum(degree[word] / frequency[word] for word in run) for run in found}
    return sorted(scores.items(), key=lambda pair: -pair[1])


def _runs(text: str, stop_words: Set[str], longest: int) -> Iterator[tuple[str, ...]]:
    run: list[str] = []
    for token in [*_TOKEN.findall(text.lower().replace("\u2019", "'")), "."]:
        is_word = token[0].isalnum() and token not in stop_words
        if run and (not is_word or len(run) == longest):
            yield tuple(run)
            run = []
        if is_word:
            run.append(token)
