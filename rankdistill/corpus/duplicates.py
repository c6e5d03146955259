"""Duplicate texts: the same letters, marks and digits, or MinHash signatures that share a band."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import regex

from rankdistill.arrays import U64, Bools
from rankdistill.errors import MissingExtraError

PERMUTATIONS = 64
SHINGLE = 6
"""Bytes of UTF-8 that overlap one another; six letters of English, or two characters of Chinese."""
_SEED = 1
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_NOT_WORD = re.compile(r"[\W_]+")
_NEITHER_LETTER_NOR_MARK = regex.compile(r"(?V1)[^\p{L}\p{N}[\p{M}--\p{Default_Ignorable_Code_Point}]]+")


def content_key(text: str) -> int:
    """Hash a text's letters with their marks and its digits, case folded: 64 bits.

    The same for texts that differ in nothing else, and in how Unicode composes letters. Marks are the vowels of many
    scripts.
    """
    if text.isascii():  # the same letters, in half of the time
        letters = _NOT_WORD.sub("", text.casefold())
    else:
        folded = unicodedata.normalize("NFC", text).casefold().replace("i\u0307", "i")  # of the Turkish capital
        letters = _NEITHER_LETTER_NOR_MARK.sub("", folded)
    return int.from_bytes(hashlib.blake2b(letters.encode(), digest_size=8).digest(), "big")


def bands_for(similarity: float) -> tuple[int, int]:
    """Choose bands and rows of each, of `PERMUTATIONS` in all, whose threshold is the nearest to ``similarity``.

    Texts of Jaccard similarity s share a band with probability 1 - (1 - s^rows)^bands, which is a half near
    (1 / bands)^(1 / rows). Source: Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, §3.4.
    """
    shapes = [(PERMUTATIONS // rows, rows) for rows in (1, 2, 4, 8, 16, 32, 64)]
    return min(shapes, key=lambda shape: abs(_threshold(*shape) - similarity))


def threshold_of(similarity: float) -> float:
    """The similarity that is taken where ``similarity`` is asked for: the threshold of its bands."""
    return round(_threshold(*bands_for(similarity)), 4)


def _threshold(bands: int, rows: int) -> float:
    return float((1 / bands) ** (1 / rows))


def band_keys(texts: Sequence[str], bands: int, rows: int) -> U64:
    """Compute the keys of the bands of every text's MinHash signature: uint64 (bands, texts).

    Shingles are the overlapping sequences of `SHINGLE` bytes of the case-folded text. Signatures are rensa's R-MinHash.
    """
    try:
        from rensa import RMinHash
    except ImportError as error:
        raise MissingExtraError("finding near duplicates", "corpus") from error
    if not texts:
        return np.empty((bands, 0), np.uint64)
    hashes, offsets = _shingles(texts)
    signatures = np.array(
        RMinHash.digest_matrix_from_flat_token_hashes(hashes, offsets, PERMUTATIONS, _SEED).to_rows(), np.uint64
    )
    keys = np.zeros((bands, len(texts)), np.uint64)
    for row in range(rows):
        keys = _mixed(keys ^ signatures[:, row::rows][:, :bands].T)
    return keys


def _shingles(texts: Sequence[str]) -> tuple[U64, U64]:
    """Hash all shingles: uint64 (S,), and offsets uint64 (texts + 1,); a text of fewer bytes is one shingle."""
    encoded = [text.casefold().encode().ljust(SHINGLE) for text in texts]
    lengths = np.array([len(each) for each in encoded], np.int64)
    data = np.frombuffer(b"".join(encoded), np.uint8).astype(np.uint64)
    sums = np.zeros(len(data) - SHINGLE + 1, np.uint64)
    for place in range(SHINGLE):
        sums = (sums << np.uint64(8)) | data[place : place + len(sums)]
    ends = np.cumsum(lengths)
    inside = np.ones(len(data), bool)  # a shingle does not span two texts
    for back in range(1, SHINGLE):
        inside[ends - back] = False
    counts = lengths - SHINGLE + 1
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.uint64)
    return _mixed(sums[inside[: len(sums)]]), offsets


def _mixed(keys: U64) -> U64:
    """Mix the bits of 64-bit keys, one to one."""
    keys = keys * _MULTIPLIER
    keys ^= keys >> np.uint64(32)
    return keys * _MULTIPLIER


def repeated(keys: U64) -> Bools:
    """Tell for each key, uint64 (N,), whether an earlier one is equal: bool (N,)."""
    order = np.argsort(keys, kind="stable")
    again = np.zeros(len(keys), bool)
    ordered = keys[order]
    again[order[1:]] = ordered[1:] == ordered[:-1]
    return again
