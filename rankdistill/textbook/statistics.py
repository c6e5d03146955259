"""Statistics of texts side by side: distinct n-grams, near duplicates, and the vocabularies that corpora share."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.arrays import I64, U64
from rankdistill.corpus.duplicates import band_keys, bands_for, repeated
from rankdistill.corpus.settings import CorpusSettings
from rankdistill.data.collection import Collection
from rankdistill.data.examples import examples_of
from rankdistill.errors import DataError, UsageError
from rankdistill.progress import progress
from rankdistill.retrieval.scripts import character_pattern, word_pattern
from rankdistill.textbook.stop_words import STOP_WORDS

VOCABULARY = 5000
_BATCH = 1 << 16
_ASCII_WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?")


@dataclass(frozen=True, eq=False)
class _Read:
    """A corpus that was read once: its texts, the words of each, int64 (N,), and how often each word occurs."""

    texts: pa.Array
    lengths: I64
    words: Counter[str]


def words_of(text: str) -> list[str]:
    """Split a text into words, in lower case, without punctuation; of a script without blanks, into characters."""
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    found: list[str] = []
    for match in word_pattern().finditer(text.casefold()):
        found += [match[0]] if match.lastgroup == "word" else character_pattern().findall(match[0])
    return found


def corpus_texts(collection: Collection, split: str | None = None) -> pa.Array:
    """The texts of a collection, empty ones left out: large_string (N,).

    Of tasks of scored pairs each text of the pairs of a split (None: train), as often as it stands there; of pairs
    without labels all texts; of a ranking its documents, and its queries, all or those of a split.
    """
    if collection.is_of_pairs:
        examples = examples_of(collection, split)
        texts = examples.texts.take(pa.array(np.stack(examples.columns, axis=1).reshape(-1)))
    else:
        asked = collection.queries.texts
        if split is not None:
            asked = pa.array(collection.queries.take(collection.split(split)), pa.large_string())
        texts = pa.concat_arrays([collection.documents.texts, asked])
    return texts.filter(pc.greater(pc.utf8_length(pc.utf8_trim_whitespace(texts)), 0))


def text_statistics(
    corpora: Mapping[str, pa.Array],
    *,
    vocabulary: int = VOCABULARY,
    similarity: float = CorpusSettings().similarity,
    seed: int = 0,
) -> dict[str, Any]:
    """Compare corpora, name -> texts, large_string (N,), as JSON can hold it.

    "corpora": of each the texts, words, distinct words, the share of texts that are near duplicates of one before them,
    and the same of a sample ("sample"), with its distinct words and pairs of neighbouring words as parts of all
    ("distinct_1", "distinct_2"). A sample has texts drawn by the seed, about as many words as the smallest corpus.
    "overlap": of each two corpora the share of their most frequent words that both have, stop words left out;
    "vocabulary" is how many words that are: at most ``vocabulary``, and no more than the corpus of fewest has.
    Raises `DataError` for a corpus without words. Source: Li et al. 2016, Gururangan et al. 2020, CC §3.2
    (docs/papers.md).
    """
    if vocabulary < 1:
        raise UsageError(f"vocabulary must be at least 1, got {vocabulary}")
    read = {name: _read(name, texts) for name, texts in corpora.items()}
    n_words = min(int(each.lengths.sum()) for each in read.values())
    of_corpora: dict[str, Any] = {}
    for name, each in read.items():
        keys, sample = _keys(name, each.texts, similarity), _sample(each.lengths, n_words, seed)
        of_corpora[name] = {
            "texts": len(each.texts),
            "words": int(each.lengths.sum()),
            "distinct_words": len(each.words),
            "near_duplicates": _share_repeated(keys),
            "sample": {
                "texts": len(sample),
                "words": int(each.lengths[sample].sum()),
                **_distinct(each.texts.take(pa.array(sample))),
                "near_duplicates": _share_repeated(keys[:, sample]),
            },
        }
    counted = {name: _content(each.words) for name, each in read.items()}
    n_shared = min([vocabulary, *map(len, counted.values())])
    most = {name: set(words[:n_shared]) for name, words in counted.items()}
    overlap = {
        one: {other: len(most[one] & most[other]) / n_shared if n_shared else 0.0 for other in most} for one in most
    }
    return {"corpora": of_corpora, "overlap": overlap, "vocabulary": n_shared}


def _read(name: str, texts: pa.Array) -> _Read:
    counted: Counter[str] = Counter()
    lengths = []
    with progress(f"words of {name}", len(texts), unit="texts") as advance:
        for batch in _batches(texts):
            for text in batch:
                words = words_of(text)
                counted.update(words)
                lengths.append(len(words))
            advance(len(batch))
    if not counted:
        raise DataError(f"{name} has no words: {len(texts):,} texts")
    return _Read(texts, np.array(lengths, np.int64), counted)


def _batches(texts: pa.Array) -> Iterator[list[str]]:
    for start in range(0, len(texts), _BATCH):
        yield texts.slice(start, _BATCH).to_pylist()


def _keys(name: str, texts: pa.Array, similarity: float) -> U64:
    """The keys that near duplicates share: uint64 (bands, N)."""
    with progress(f"near duplicates of {name}", len(texts), unit="texts") as advance:
        keys = []
        for batch in _batches(texts):
            keys.append(band_keys(batch, *bands_for(similarity)))
            advance(len(batch))
    return np.concatenate(keys, axis=1)


def _share_repeated(keys: U64) -> float:
    again = np.zeros(keys.shape[1], bool)
    for band in keys:
        again |= repeated(band)
    return float(again.mean()) if len(again) else 0.0


def _sample(lengths: I64, n_words: int, seed: int) -> I64:
    """Draw texts until they have this many words, and put them in their order: rows int64 (M,)."""
    order = np.random.default_rng(seed).permutation(len(lengths))
    n = int(np.searchsorted(np.cumsum(lengths[order]), n_words)) + 1
    return np.sort(order[:n])


def _distinct(texts: pa.Array) -> dict[str, float]:
    """The distinct words, and pairs of neighbours in a text, as parts of all."""
    one, two = Counter[str](), Counter[tuple[str, str]]()
    for batch in _batches(texts):
        for text in batch:
            words = words_of(text)
            one.update(words)
            two.update(pairwise(words))
    return {f"distinct_{n}": len(each) / max(1, each.total()) for n, each in ((1, one), (2, two))}


def _content(words: Counter[str]) -> list[str]:
    """The words that are no stop words, the most frequent first, of equal ones by the alphabet."""
    return sorted((word for word in words if word not in STOP_WORDS), key=lambda word: (-words[word], word))
