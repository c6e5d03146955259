"""Statistics of texts side by side: distinct n-grams, near duplicates, and the vocabularies that corpora share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from rankdistill.arrays import I64, U64
from rankdistill.corpus.duplicates import band_keys, bands_for, repeated, threshold_of
from rankdistill.corpus.settings import CorpusSettings
from rankdistill.data.kernels.random import hash_ids
from rankdistill.errors import DataError, UsageError
from rankdistill.textbook.stop_words import STOP_WORDS
from rankdistill.textbook.word_file import WordFile, write_words

VOCABULARY = 5000


def text_statistics(
    corpora: Mapping[str, Iterable[Sequence[str]]],
    *,
    vocabulary: int = VOCABULARY,
    similarity: float = CorpusSettings().similarity,
    stop_words: Set[str] = STOP_WORDS,
    seed: int = 0,
) -> dict[str, Any]:
    """Compare corpora, name -> batches of texts, as JSON can hold it.

    "corpora": of each the texts, words, distinct words, the share of texts that are near duplicates of one before them,
    and the same of a sample ("sample"), with its distinct words and pairs of neighbouring words as parts of all
    ("distinct_1", "distinct_2"). A sample has texts drawn by the seed, and as many words as the smallest corpus: of the
    last text drawn, the first words count, but for near duplicates.
    "overlap": of each two corpora the share of their most frequent words that both have, stop words left out; of
    equally frequent ones a hash chooses, which each corpus has of its own;
    "vocabulary" is how many words that are: at most ``vocabulary``, and no more than the corpus of fewest has.
    "near_duplicates_from": the similarity that was taken, nearest to the one asked for.

    Each corpus is read once, one after the other, and kept as numbers of words in a temporary file, 4 bytes a word;
    memory holds the distinct words of one, a byte a word, about 40 bytes a text, and a sample.
    Raises `DataError` for a corpus without words. Source: Li et al. 2016, Gururangan et al. 2020, CC §3.2
    (docs/papers.md).
    """
    if vocabulary < 1:
        raise UsageError(f"vocabulary must be at least 1, got {vocabulary}")
    bands = bands_for(similarity)
    band_keys((), *bands)  # what is not installed is said before anything is read
    counted: dict[str, list[str]] = {}
    n_content: list[int] = []
    read: dict[str, WordFile] = {}
    with TemporaryDirectory(prefix="rankdistill-") as folder:
        for number, (name, batches) in enumerate(corpora.items()):
            read[name], words = write_words(Path(folder) / str(number), name, batches, bands)
            if not words:
                raise DataError(f"{name} has no words: {len(read[name].lengths):,} texts")
            content = {word: count for word, count in words.items() if word not in stop_words}
            n_content.append(len(content))
            counted[name] = _most_frequent(content, vocabulary)
        n_words = min(each.n_words for each in read.values())
        of_corpora = {name: _numbers(each, n_words, seed) for name, each in read.items()}
    n_shared = min([vocabulary, *n_content])
    most = {name: set(words[:n_shared]) for name, words in counted.items()}
    overlap = {
        one: {other: len(most[one] & most[other]) / n_shared if n_shared else 0.0 for other in most} for one in most
    }
    return {
        "corpora": of_corpora,
        "near_duplicates_from": threshold_of(similarity),
        "overlap": overlap,
        "vocabulary": n_shared,
    }


def _most_frequent(counts: Mapping[str, int], n: int) -> list[str]:
    """The most frequent words, at most n, the most frequent first; equally frequent ones by a hash of the corpus's own.

    In an order that all corpora share, such as the alphabet's, the words where the list is cut would agree although the
    corpora do not. The hash depends on the words and how often they occur, so that equal corpora have the same words.
    """
    if not counts:
        return []
    frequencies = np.fromiter(counts.values(), np.uint64, len(counts))
    salt = int((hash_ids(list(counts)) * frequencies).sum()).to_bytes(8, "little")
    least = np.sort(frequencies)[-n:][0]
    frequent = [pair for pair in counts.items() if pair[1] >= least]
    frequent.sort(key=lambda pair: (-pair[1], blake2b(pair[0].encode(), digest_size=8, key=salt).digest()))
    return [word for word, _ in frequent[:n]]


def _numbers(read: WordFile, n_words: int, seed: int) -> dict[str, Any]:
    sample, n_taken = _sample(read.lengths, n_words, seed)
    words, ends = read.words_of(sample, n_taken)
    return {
        "texts": len(read.lengths),
        "words": read.n_words,
        "distinct_words": read.n_distinct,
        "near_duplicates": _share_repeated(read.keys()),
        "sample": {
            "texts": len(sample),
            "words": len(words),
            **_distinct(words, ends, read.n_distinct),
            "near_duplicates": _share_repeated(read.keys()[sample]),
        },
    }


def _share_repeated(keys: U64) -> float:
    """The share of texts that share a band with one before them; keys: uint64 (N, bands)."""
    again = np.zeros(len(keys), bool)
    for band in range(keys.shape[1]):
        again |= repeated(np.ascontiguousarray(keys[:, band]))
    return float(again.mean()) if len(again) else 0.0


def _sample(lengths: I64, n_words: int, seed: int) -> tuple[I64, I64]:
    """Draw texts until they have this many words, and put them in their order: rows int64 (M,).

    Return how many words of each count, too, int64 (M,): all, but of the last one drawn as many as are wanted.
    """
    order = np.random.default_rng(seed).permutation(len(lengths))
    ends = np.cumsum(lengths[order])
    n = int(np.searchsorted(ends, n_words)) + 1
    rows, n_taken = order[:n], lengths[order[:n]]
    n_taken[-1] -= ends[n - 1] - n_words
    risen = np.argsort(rows)
    return rows[risen], n_taken[risen]


def _distinct(words: I64, ends: I64, n_distinct: int) -> dict[str, float]:
    """The distinct words, and pairs of neighbours in a text, as parts of all.

    words: their numbers, below n_distinct, int64 (W,). ends: of the texts in them, int64 (M,).
    """
    inside = np.ones(max(0, len(words) - 1), bool)
    inside[ends[(ends > 0) & (ends < len(words))] - 1] = False
    pairs = (words[:-1] * n_distinct + words[1:])[inside]
    found = ((1, words), (2, pairs))
    return {f"distinct_{n}": len(np.unique(each)) / max(1, len(each)) for n, each in found}
