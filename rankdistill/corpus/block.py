"""What one process does: the kept pairs of a block of documents, with the keys that tell duplicates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rankdistill.arrays import U64
from rankdistill.corpus.duplicates import band_keys, bands_for, content_key
from rankdistill.corpus.sentences import FILTERS, paragraphs, reason_against
from rankdistill.corpus.settings import CorpusSettings

Pair = tuple[str, str]
UNPAIRED = "without a neighbour"
"""What sentences are counted as that are kept and in no pair."""


@dataclass(frozen=True, eq=False)
class Block:
    """Pairs of adjacent sentences, their keys uint64 (1 + bands, pairs), and what was counted on the way."""

    firsts: list[str]
    seconds: list[str]
    keys: U64
    counts: Counter[str]


def process_block(documents: Sequence[str], settings: CorpusSettings) -> Block:
    """Split documents into sentences, leave out those that are unfit, and pair those adjacent in a paragraph."""
    counts = Counter({"documents": len(documents), "sentences": 0, **dict.fromkeys((*FILTERS, UNPAIRED), 0)})
    pairs: list[Pair] = []
    for document in documents:
        for sentences in paragraphs(document, settings.language, settings.wrapped):
            counts["sentences"] += len(sentences)
            reasons = [reason_against(sentence, settings) for sentence in sentences]
            counts.update(reason for reason in reasons if reason)
            places = list(adjacent(reasons, settings.overlap))
            counts[UNPAIRED] += reasons.count(None) - len({place for pair in places for place in pair})
            pairs.extend((sentences[first], sentences[second]) for first, second in places)
    counts["pairs"] = len(pairs)
    texts = [f"{first}\n{second}" for first, second in pairs]
    content = np.array([content_key(text) for text in texts], np.uint64).reshape(1, -1)
    near = band_keys(texts, *bands_for(settings.similarity)) if settings.similarity < 1 else content[:0]
    return Block(
        [first for first, _ in pairs], [second for _, second in pairs], np.concatenate([content, near]), counts
    )


def adjacent(reasons: Sequence[str | None], overlap: bool) -> Iterator[tuple[int, int]]:
    """Yield places of sentences that follow one another and have no reason against them.

    Each is in one pair, or two with overlap.
    """
    place = 0
    while place + 1 < len(reasons):
        if reasons[place] is None and reasons[place + 1] is None:
            yield place, place + 1
            place += 1 if overlap else 2
        else:
            place += 1
