"""WordFile: a corpus as numbers of words and keys of near duplicates, in files that are mapped into memory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rankdistill.arrays import I32, I64, U64
from rankdistill.corpus.duplicates import band_keys
from rankdistill.data.offsets import offsets_of
from rankdistill.progress import progress
from rankdistill.textbook.words import words_of

_WORDS, _KEYS = ".words", ".keys"


@dataclass(frozen=True, eq=False)
class WordFile:
    """A corpus that was read: the number of words of each text, int64 (N,), and of distinct words in all."""

    path: Path
    lengths: I64
    n_distinct: int
    n_bands: int

    @property
    def n_words(self) -> int:
        """Words of all texts."""
        return int(self.lengths.sum())

    def keys(self) -> U64:
        """The keys that near duplicates share: uint64 (N, bands), mapped."""
        return _mapped(self.path.with_suffix(_KEYS), np.uint64).reshape(len(self.lengths), self.n_bands)

    def words_of(self, rows: I64, n_first: I64) -> tuple[I64, I64]:
        """The first words of texts by their rows, sorted: numbers int64 (W,), and the texts' ends int64 (M,).

        rows, n_first: int64 (M,); how many words of each text are taken, at most all.
        """
        chosen = np.zeros(len(self.lengths), bool)
        chosen[rows] = True
        taken = np.repeat(chosen, self.lengths)
        bounds = offsets_of(self.lengths)
        for number in np.flatnonzero(n_first < self.lengths[rows]):
            taken[bounds[rows[number]] + n_first[number] : bounds[rows[number] + 1]] = False
        words: I32 = _mapped(self.path.with_suffix(_WORDS), np.int32)
        return words[taken].astype(np.int64), np.cumsum(n_first)


def write_words(
    path: Path, name: str, batches: Iterable[Sequence[str]], bands: tuple[int, int]
) -> tuple[WordFile, dict[str, int]]:
    """Write the words and keys of a corpus beside ``path``; return them, and how often each word occurs.

    name: of the corpus, for messages. bands: of the keys, and rows of each, see `band_keys`.
    """
    numbers: defaultdict[str, int] = defaultdict(lambda: len(numbers))
    counts = np.zeros(0, np.int64)
    lengths = [np.zeros(0, np.int64)]
    files = path.with_suffix(_WORDS).open("wb"), path.with_suffix(_KEYS).open("wb")
    with files[0] as of_words, files[1] as of_keys, progress(f"words of {name}", None, unit="texts") as advance:
        for texts in batches:
            split = [words_of(text) for text in texts]
            lengths.append(np.fromiter(map(len, split), np.int64, len(split)))
            found = np.fromiter((numbers[word] for words in split for word in words), np.int32, lengths[-1].sum())
            counts = np.bincount(found, minlength=len(numbers)) + np.pad(counts, (0, len(numbers) - len(counts)))
            found.tofile(of_words)
            np.ascontiguousarray(band_keys(texts, *bands).T).tofile(of_keys)
            advance(len(texts))
    read = WordFile(path, np.concatenate(lengths), len(numbers), bands[0])
    return read, dict(zip(numbers, counts.tolist(), strict=True))


def _mapped(file: Path, dtype: type[np.generic]) -> np.ndarray:
    """Map a file of numbers; one without any cannot be mapped."""
    return np.memmap(file, dtype, "r") if file.stat().st_size else np.zeros(0, dtype)
