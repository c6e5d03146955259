"""What one process does: the kept pairs of a block of documents, with the keys that tell duplicates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rankdistill.corpus.duplicates import U64, band_keys, bands_for, content_key
from rankdistill.corpus.sentences import paragraphs, reason_against
from rankdistill.corpus.settings import CorpusSettings

Pair = tuple[str, str]


@dataclass(frozen=True, eq=False)
class Block:
    """Pairs of adjacent sentences, their keys uint64 (1 + bands, pairs), and what was counted on the way."""

    firsts: list[str]
    seconds: list[str]
    keys: U64
    counts: Counter[str]


def process_block(documents: Sequence[str], settings: CorpusSettings) -> Block:
    """Split documents into sentences, leave out those that are unfit, and pair those that are adjacent in a line."""
    counts: Counter[str] = Counter(documents=len(documents))
    pairs: list[Pair] = []
    for document in documents:
        for sentences in paragraphs(document, settings.language):
            counts["sentences"] += len(sentences)
            reasons = [reason_against(sentence, settings) for sentence in sentences]
            counts.update(reason for reason in reasons if reason)
            pairs.extend(adjacent(sentences, reasons, settings.overlap))
    counts["pairs"] = len(pairs)
    texts = [f"{first}\n{second}" for first, second in pairs]
    content = np.array([content_key(text) for text in texts], np.uint64).reshape(1, -1)
    near = band_keys(texts, *bands_for(settings.similarity)) if settings.similarity < 1 else content[:0]
    return Block(
        [first for first, _ in pairs], [second for _, second in pairs], np.concatenate([content, near]), counts
    )


def adjacent(sentences: Sequence[str], reasons: Sequence[str | None], overlap: bool) -> Iterator[Pair]:
    """Yield pairs of sentences that follow one another and are both kept; each is in one pair, or two with overlap."""
    place = 0
    while place + 1 < len(sentences):
        if reasons[place] is None and reasons[place + 1] is None:
            yield sentences[place], sentences[place + 1]
            place += 1 if overlap else 2
        else:
            place += 1
