"""PairTemplate: the special tokens around a query and a document, read off a tokenizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rankdistill.arrays import I64
from rankdistill.errors import DataError

_PROBES = ("who wrote the first book", "a short answer"), ("one", "and two three four five six")
_NOTHING = np.zeros(0, np.int64)


@dataclass(frozen=True, eq=False)
class PairTemplate:
    """The fixed tokens before, between and after two texts, and the segment numbers of everything.

    ids: three int64 arrays: before the first text, between the texts, after the second. types: segment numbers, three
    int64 arrays of the same shapes (zeros for a tokenizer without segments). text_types: segment numbers of the first
    and the second text. n_texts: 1 where the second text is always empty (`of_one`).
    """

    ids: tuple[I64, I64, I64]
    types: tuple[I64, I64, I64]
    text_types: tuple[int, int]
    n_texts: int = 2

    @property
    def n_special(self) -> int:
        """Number of fixed tokens."""
        return sum(len(part) for part in self.ids)

    @classmethod
    def of(cls, tokenizer: Any) -> PairTemplate:
        """Find the special tokens around a pair by looking at encoded pairs.

        Raises `DataError` where this tokenizer's pairs follow no template.
        """
        return cls._probed(tokenizer, 2)

    @classmethod
    def of_one(cls, tokenizer: Any) -> PairTemplate:
        """Find the special tokens around one text, such as ``[CLS] text [SEP]``; the second text is to be `NO_TEXT`.

        Raises `DataError` where this tokenizer's texts follow no template.
        """
        return cls._probed(tokenizer, 1)

    @classmethod
    def _probed(cls, tokenizer: Any, n_texts: int) -> PairTemplate:
        check_tokenizer(tokenizer)
        first, second = (cls._from_probe(tokenizer, probe[:n_texts]) for probe in _PROBES)
        if first is None or second is None or first.key != second.key:
            kind = "pairs" if n_texts == 2 else "texts"
            raise DataError(
                f"{kind} of {type(tokenizer).__name__} do not follow one template of special tokens around the text"
                f"{'s' if n_texts == 2 else ''}: give a tokenizer whose post-processor adds the same tokens to all"
            )
        return first

    @classmethod
    def _from_probe(cls, tokenizer: Any, texts: tuple[str, ...]) -> PairTemplate | None:
        encoded = tokenizer(*texts, truncation=False, padding=False, return_token_type_ids=True)
        whole = np.asarray(encoded["input_ids"], dtype=np.int64)
        types = np.asarray(encoded.get("token_type_ids", np.zeros_like(whole)), dtype=np.int64)
        fixed, inside, end = [], [], 0
        for text in texts:
            tokens = np.asarray(tokenizer(text, add_special_tokens=False)["input_ids"], np.int64)
            if not len(tokens):
                raise DataError(
                    f"{type(tokenizer).__name__} makes no tokens of {text!r}: its vocabulary is of another kind "
                    "than the tokenizer; give the tokenizer that the model was trained with"
                )
            starts = range(end, len(whole) - len(tokens) + 1)
            start = next((s for s in starts if np.array_equal(whole[s : s + len(tokens)], tokens)), None)
            if start is None:
                return None
            fixed.append(slice(end, start))
            end = start + len(tokens)
            inside.append(types[start:end])
        if any(np.ptp(segments) for segments in inside):
            return None
        text_types = int(inside[0][0]), int(inside[-1][0])
        ids, segments = [whole[part] for part in fixed], [types[part] for part in fixed]
        if len(texts) == 1:
            return cls((ids[0], _NOTHING, whole[end:]), (segments[0], _NOTHING, types[end:]), text_types, 1)
        return cls((ids[0], ids[1], whole[end:]), (segments[0], segments[1], types[end:]), text_types)

    @property
    def key(self) -> tuple[Any, ...]:
        """All of the template as plain values, to compare."""
        return *(tuple(part.tolist()) for part in (*self.ids, *self.types)), self.text_types


def check_tokenizer(tokenizer: Any) -> None:
    """Raise `DataError` for a tokenizer whose texts cannot be assembled."""
    if not tokenizer.is_fast:
        raise DataError(f"{type(tokenizer).__name__} is not a fast tokenizer; save the model with its tokenizer.json")
    if tokenizer.truncation_side != "right":
        raise DataError(
            f"texts are truncated at their end, got a tokenizer with truncation_side={tokenizer.truncation_side!r}: "
            "set it to 'right'"
        )
