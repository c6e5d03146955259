"""The size of a textbook: as people write it, and which of the found units make a textbook of that size."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from rankdistill.arrays import I64, U64, Bools
from rankdistill.errors import UsageError

_UNITS = {"b": 1} | {
    f"{letter}{kind}": base**power
    for power, letter in enumerate("kmgt", start=1)
    for kind, base in (("b", 1000), ("ib", 1024))
}
_COUNTED = ("", "sentences", "pairs")
_SIZE = re.compile(r"((?:\d+|\d{1,3}(?:[,_]\d{3})+)(?:\.\d+)?|\.\d+)\s*([a-z]*)")
FORMS = "bytes such as 200MB, 1.7GB or 500KiB, or a number of sentences such as 100000"


@dataclass(frozen=True)
class Size:
    """A number of sentences (or pairs), or of bytes of their texts in UTF-8."""

    number: int
    in_bytes: bool

    def __str__(self) -> str:
        return f"{self.number:,} bytes" if self.in_bytes else f"{self.number:,} sentences or pairs"


def parse_size(text: str) -> Size:
    """Read a size, see `FORMS`; `UsageError` for another text, and for a size of 0.

    Commas and underscores part groups of three digits; a point is before the decimals.

    >>> parse_size("1.5 kB"), parse_size("20_000")
    (Size(number=1500, in_bytes=True), Size(number=20000, in_bytes=False))
    """
    match = _SIZE.fullmatch(text.strip().lower())
    counted = match is not None and match[2] in _COUNTED
    if match is None or not (counted or match[2] in _UNITS) or (counted and "." in match[1]):
        raise UsageError(f"a size is {FORMS}, got {text!r}")
    digits = match[1].replace(",", "").replace("_", "")
    number = int(digits) if counted else round(float(digits) * _UNITS[match[2]])
    if number < 1:
        raise UsageError(f"a size is at least 1, got {text!r}")
    return Size(number, in_bytes=not counted)


@dataclass(frozen=True)
class Wanted:
    """How much is wanted: a size, which the least k reaches, at most ``max_k``; or what a given k finds."""

    size: Size | None
    k: int | None
    max_k: int

    @property
    def most(self) -> int:
        """The largest k that is searched for."""
        return self.max_k if self.k is None else self.k

    def lengths(self, bytes_of: I64) -> I64:
        """What units count towards the size, int64 (M,): their bytes, or one each."""
        return bytes_of if self.size is not None and self.size.in_bytes else np.ones_like(bytes_of)


def least_k(ranks: I64, sizes: I64, target: int) -> int | None:
    """Find by bisection the least k whose units, those of a rank below it, have together the target size; None: none.

    ranks: int64 (M,), the best rank, from 0, that any anchor has a unit at. sizes: int64 (M,).
    """
    totals = np.cumsum(np.bincount(ranks, weights=sizes, minlength=1))
    k = int(np.searchsorted(totals, target)) + 1
    return k if k <= len(totals) else None


def chosen(ranks: I64, sizes: I64, keys: U64, k: int, target: int | None = None) -> Bools:
    """Choose units: all of a rank below k - 1, and of rank k - 1 as many as fit, in the order of their keys: bool (M,).

    target: None takes all of a rank below k. Keys are hashes of the texts, so that their order prefers no anchor.
    """
    if target is None:
        return ranks < k
    taken = ranks < k - 1
    last = np.flatnonzero(ranks == k - 1)
    last = last[np.argsort(keys[last], kind="stable")]
    fits = np.cumsum(sizes[last]) <= target - sizes[taken].sum()
    taken[last[fits]] = True
    return taken
