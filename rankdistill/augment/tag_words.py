"""TagWords: the unigram distribution of the words of every tag, and draws from it in one pass over arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rankdistill.arrays import F64, I64
from rankdistill.data.offsets import offsets_of
from rankdistill.errors import DataError

Ints = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class TagWords:
    """How often each word has each tag, ordered by tag and word.

    keys: int64 (E,), tag · n_words + word, rising. counts: int64 (E,). n_words: of the vocabulary that words number.
    tag_names: for messages.
    """

    keys: I64
    counts: I64
    n_words: int
    tag_names: tuple[str, ...]

    @classmethod
    def count(cls, tags: Ints, words: Ints, weights: Ints, n_words: int, tag_names: Sequence[str]) -> TagWords:
        """Count occurrences: tag, word and weight of each, int (N,)."""
        keys, which = np.unique(tags.astype(np.int64) * n_words + words, return_inverse=True)
        counts = np.bincount(which, weights, len(keys)).astype(np.int64)
        return cls(keys[counts > 0], counts[counts > 0], n_words, tuple(tag_names))

    def draw(self, tags: Ints, words: Ints, uniform: F64) -> I64:
        """Draw, for each word, another one of its tag, by their counts: int64 (N,), -1 where the tag has no other.

        uniform: float64 (N,) in [0, 1), which decides each draw. Raises `DataError` for a tag that no word has.
        """
        tags = tags.astype(np.int64)
        cumulated = offsets_of(self.counts)
        firsts = np.searchsorted(self.keys, tags * self.n_words)
        lasts = np.searchsorted(self.keys, (tags + 1) * self.n_words)
        if (unknown := np.flatnonzero(firsts == lasts)).size:
            tag = int(tags[unknown[0]])
            name = self.tag_names[tag] if 0 <= tag < len(self.tag_names) else str(tag)
            raise DataError(
                f"no word is known of the tag {name!r}, so that none can be drawn: count the words of texts that have "
                "it, tagged by the same tagger"
            )
        own = np.minimum(np.searchsorted(self.keys, tags * self.n_words + words), max(0, len(self.keys) - 1))
        is_known = self.keys[own] == tags * self.n_words + words
        own_counts = np.where(is_known, self.counts[own], 0)
        base = cumulated[firsts]
        others = cumulated[lasts] - base - own_counts
        drawn = np.minimum((uniform * others).astype(np.int64), others - 1)
        drawn += np.where(drawn >= cumulated[own] - base, own_counts, 0)  # leave the word itself out
        entries = np.searchsorted(cumulated, base + drawn, side="right") - 1
        found = self.keys[np.clip(entries, 0, len(self.keys) - 1)] % self.n_words
        return np.where(others > 0, found, -1)
