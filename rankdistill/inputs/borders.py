"""Where a prompt can be cut into two texts, so that their tokens, made apart, are those of the whole string.

A query's part and a document's part are tokenised once each, however many pairs they are in. But tokens cross borders:
byte-level BPE joins the blank of "Query: " to the word after it, and a line break to the point before it. So the cut is
not made at the border of a text but inside the fixed text beside it, at a place where a token begins whatever the texts
are. Such places are found with texts that begin and end in everything that tokenizers join.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from rankdistill.arrays import I64
from rankdistill.errors import DataError
from rankdistill.inputs.prompt import Prompt

PLAIN = "plain words"
_TEXTS = (
    *("", " ", "word", "Word?", "two\n", "\nlead", " lead", "trail ", "trail  ", "dot.", "gap\n\n", "\t", "42", "7%"),
    *("x-", "(a)", "zoë", "東京", "don't", "'s", '"q"', "🙂", "a:", ":b", "http://", "\r\n", "é", "<b>", "##", "_"),
)
_PROBES = [(PLAIN, PLAIN), *((t, PLAIN) for t in _TEXTS), *((PLAIN, t) for t in _TEXTS), *((t, t) for t in _TEXTS)]


@dataclass(frozen=True, eq=False)
class Piece:
    """One text with the fixed text around it, to be tokenised apart from the other."""

    before: str
    after: str
    n_head: int
    """Tokens at its begin that are fixed."""
    tail: I64
    """Its last tokens where the text in it is cut, int64."""
    n_skipped: int = 0
    """Tokens at its begin that are no part of it, but context without which others were made."""

    @property
    def n_fixed(self) -> int:
        """Tokens that truncation keeps, at least."""
        return self.n_head + len(self.tail)


@dataclass(frozen=True, eq=False)
class Borders:
    """A prompt in two pieces, the first text's and the second's, between fixed tokens int64 (n,)."""

    start: I64
    first: Piece
    second: Piece
    end: I64
    n_added: int
    """Last tokens of the end that are no part of the prompt's text: the tokenizer puts them after every text."""

    @classmethod
    def of(cls, tokenizer: Any, prompt: Prompt) -> Borders:
        """Find the pieces of a prompt for a fast tokenizer; warn where some texts' tokens may differ from the whole's.

        Raises `DataError` for a tokenizer that does not put fixed tokens around a text.
        """
        probes = [_Whole(tokenizer, prompt, *pair) for pair in _PROBES]
        plain = probes[0]
        start, end = _special(tokenizer, prompt, plain)
        middle, n_wrong = _best(probes, _places(probes, 0), lambda probe, at: probe.begins_with(tokenizer, prompt, at))
        found: list[tuple[int, int, str, int, int]] = []
        for context in dict.fromkeys(("", prompt.between[:middle], prompt.prefix)):
            skipped = _ids(tokenizer, context)
            fits = partial(_Whole.goes_on_with, tokenizer=tokenizer, prompt=prompt, after=(context, middle, skipped))
            lead, n_wrong_end = _best(probes, _places(probes, 1)[::-1], fits)
            found.append((n_wrong_end, len(found), context, lead, len(skipped)))
            if not n_wrong_end:
                break
        n_wrong_end, _, context, lead, n_skipped = min(found)
        if n_wrong or n_wrong_end:
            warnings.warn(
                f"the fixed text between or after the texts of the prompt, {prompt.between!r} and "
                f"{prompt.suffix!r:.80}, "
                "holds no place where a token always begins: the tokens of some pairs differ from those of the whole "
                "text. A word or a special token there, after a line break, keeps them the same",
                stacklevel=2,
            )
        first_ends, second_ends = plain.split(0, middle), plain.split(1, lead)
        in_head = plain.n_before(plain.ends[0] + len(prompt.between)) - first_ends
        first = Piece(
            prompt.prefix,
            prompt.between[:middle],
            plain.n_before(len(prompt.prefix)),
            plain.ids[plain.n_up_to(0) : first_ends],
        )
        second = Piece(
            context + prompt.between[middle:],
            prompt.suffix[:lead],
            max(in_head, 0),
            plain.ids[plain.n_up_to(1) : second_ends],
            n_skipped,
        )
        return cls(start, first, second, np.concatenate([plain.ids[second_ends:], end]), len(end))


class _Whole:
    """The tokens of a prompt with two texts in it, int64 (T,), and where each begins and ends."""

    def __init__(self, tokenizer: Any, prompt: Prompt, first: str, second: str) -> None:
        self.first, self.second = prompt.texts((first, second))
        head = prompt.prefix + self.first
        self.ends = len(head), len(head) + len(prompt.between) + len(self.second)
        self.text = head + prompt.between + self.second + prompt.suffix
        encoded = tokenizer(self.text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        self.ids = np.asarray(encoded["input_ids"], np.int64)
        offsets = np.asarray(encoded["offset_mapping"], np.int64).reshape(-1, 2)
        self.begins, self.stops = offsets[:, 0], offsets[:, 1]

    def places(self) -> set[int]:
        """Characters of the whole text where tokens are parted."""
        stops = np.concatenate([[0], np.maximum.accumulate(self.stops)])
        begins = np.concatenate([np.minimum.accumulate(self.begins[::-1])[::-1], [len(self.text)]])
        return {at for stop, begin in zip(stops, begins, strict=True) for at in range(stop, begin + 1)}

    def n_before(self, at: int) -> int:
        """Number of tokens that end before a character."""
        return int((self.stops <= at).sum())

    def split(self, text: int, at: int) -> int:
        """Number of tokens before a place so many characters after a text."""
        return self.n_before(self.ends[text] + at)

    def n_up_to(self, text: int) -> int:
        """Number of tokens that hold something of a text, or are before it."""
        return int((self.begins < self.ends[text]).sum())

    def begins_with(self, tokenizer: Any, prompt: Prompt, middle: int) -> bool:
        """Whether the first piece, cut at a place between the texts, has the whole's tokens."""
        apart = _ids(tokenizer, prompt.prefix + self.first + prompt.between[:middle])
        return bool(np.array_equal(apart, self.ids[: self.split(0, middle)]))

    def goes_on_with(self, lead: int, tokenizer: Any, prompt: Prompt, after: tuple[str, int, I64]) -> bool:
        """Whether the second piece, up to a place after its text, has the whole's tokens.

        after: the context that is put before it, the place between the texts where it begins, the context's tokens.
        """
        context, middle, skipped = after
        apart = _ids(tokenizer, context + prompt.between[middle:] + self.second + prompt.suffix[:lead])
        expected = self.ids[self.split(0, middle) : self.split(1, lead)]
        return bool(np.array_equal(apart, np.concatenate([skipped, expected])))


def _places(probes: Sequence[_Whole], text: int) -> list[int]:
    """Places after a text, in characters, where tokens are parted in all probes, else in the first; the last first."""
    found = []
    for probe in probes:
        stop = len(probe.text) if text else probe.ends[1] - len(probe.second)
        found.append({at - probe.ends[text] for at in probe.places() if probe.ends[text] <= at <= stop})
    return sorted(set.intersection(*found) or found[0] or {0}, reverse=True)


def _best(probes: Sequence[_Whole], places: Sequence[int], fits: Callable[[_Whole, int], bool]) -> tuple[int, int]:
    """The first place that fits all probes, or the one that fits most; and how many it does not fit."""
    wrong = {}
    for at in places:
        wrong[at] = sum(not fits(probe, at) for probe in probes)
        if not wrong[at]:
            return at, 0
    best = min(wrong, key=lambda at: wrong[at])
    return best, wrong[best]


def _special(tokenizer: Any, prompt: Prompt, plain: _Whole) -> tuple[I64, I64]:
    """The tokens that a tokenizer puts before and after the whole text, int64; empty where they are not wanted."""
    nothing = np.zeros(0, np.int64)
    if not prompt.takes_special_tokens(tokenizer):
        return nothing, nothing
    whole = np.asarray(tokenizer(plain.text, verbose=False)["input_ids"], np.int64)
    size = len(plain.ids)
    for start in range(len(whole) - size + 1):
        if np.array_equal(whole[start : start + size], plain.ids):
            return whole[:start], whole[start + size :]
    raise DataError(
        f"{type(tokenizer).__name__} does not put fixed special tokens around a text: spell those that the prompt "
        "needs out in it, beginning with the one for its begin"
    )


def _ids(tokenizer: Any, text: str) -> I64:
    return np.asarray(tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"], np.int64)
