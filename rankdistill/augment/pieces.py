"""Pieces of texts: words, and what stands between them, which together are the text again, character by character."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.arrays import I32, I64, Bools
from rankdistill.data.offsets import offsets_of
from rankdistill.retrieval.scripts import CHARACTERS, character_class, within_words

_CHARACTERS = character_class(CHARACTERS)
"""Kana and Chinese characters, each of which is a word."""
_LETTER = rf"[^\W{_CHARACTERS}]"
_CLITIC = "['\u2019](?:s|m|d|re|ve|ll|t|em|n|til|tis|cause)"


@cache
def _pattern(mask_token: str) -> re.Pattern[str]:
    mask = re.escape(mask_token)
    bracket = r"-[lr][rcs]b-"  # as the Penn Treebank writes brackets
    marks = within_words()
    clitic = rf"{_CLITIC}(?![\w{marks}])"
    word = rf"{_LETTER}(?:(?:(?!{mask})[^\s{_CHARACTERS}])*{_LETTER})?[{marks}]*"
    return re.compile(
        rf"\s+|{mask}|{bracket}|{clitic}|{word}|[{_CHARACTERS}][{marks}]*|(?:(?!{mask})[^\w\s])+",
        re.I,
    )


def split(text: str, mask_token: str) -> list[str]:
    """Split a text into pieces: runs of white space, words, and runs of punctuation; joined they are the text.

    A word is what stands between blanks, without punctuation before and after it; marks are part of the letter that
    they follow, as vowels of many scripts are. ``n't`` and ``'s`` are words, and each Chinese or Japanese character is
    one. A mask token is a piece of its own.
    """
    return _pattern(mask_token).findall(text)


def is_word(piece: str, mask_token: str) -> bool:
    """Whether a piece is a word: it has a letter or digit, and is no mask token and no bracket such as ``-lrb-``."""
    if piece.casefold() == mask_token.casefold() or re.fullmatch(r"-[lr][rcs]b-", piece, re.I):
        return False
    return any(map(str.isalnum, piece))


@dataclass(frozen=True, eq=False)
class Pieces:
    """Texts as numbers of pieces: text i is ``vocabulary[ids[offsets[i]:offsets[i + 1]]]``, joined.

    vocabulary: string (V,), the mask token first. ids: int32 (P,). offsets: int64 (n + 1,). tags: int32 (P,), numbers
    of ``tag_names``, -1 for white space. words: bool (V,).
    """

    vocabulary: pa.Array
    ids: I32
    offsets: I64
    tags: I32
    tag_names: tuple[str, ...]
    words: Bools

    def places(self, rows: I64) -> tuple[I64, I64]:
        """The places in ``ids`` of the pieces of some texts, int64, and the offsets of each text's in them."""
        starts, sizes = self.offsets[rows], self.offsets[rows + 1] - self.offsets[rows]
        offsets = offsets_of(sizes)
        return np.arange(offsets[-1]) - np.repeat(offsets[:-1] - starts, sizes), offsets


def encode(texts: Iterable[Sequence[str]]) -> tuple[pa.Array, I32, I64]:
    """Number the pieces of texts: their vocabulary, string (V,); numbers int32 (P,); offsets int64 (n + 1,)."""
    texts = list(texts)
    flat = pc.dictionary_encode(pa.array([piece for pieces in texts for piece in pieces], pa.string()))
    sizes = np.fromiter(map(len, texts), np.int64, len(texts))
    return flat.dictionary, flat.indices.to_numpy(zero_copy_only=False).astype(np.int32), offsets_of(sizes)


def joined(vocabulary: pa.Array, ids: I32, offsets: I64) -> pa.Array:
    """Join pieces to texts, string (n,)."""
    pieces = vocabulary.take(pa.array(ids))
    return pc.binary_join(pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), pieces), "")
