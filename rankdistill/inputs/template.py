"""PairTemplate: the special tokens that a tokenizer puts around a pair of texts, and where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rankdistill.errors import DataError

Ints = NDArray[np.int64]
_PROBES = ("who wrote the first book", "a short answer"), ("one", "and two three four five six")


@dataclass(frozen=True, eq=False)
class PairTemplate:
    """Where a tokenizer puts special tokens around a pair: before, between and after; with their segment numbers.

    ids: three int64 arrays. types: three int64 arrays of the same shapes (zeros for a tokenizer without segments).
    text_types: segment numbers of the first and the second text.
    """

    ids: tuple[Ints, Ints, Ints]
    types: tuple[Ints, Ints, Ints]
    text_types: tuple[int, int]

    @property
    def n_special(self) -> int:
        return sum(len(part) for part in self.ids)

    @classmethod
    def of(cls, tokenizer: Any) -> PairTemplate:
        """Find the template by looking at encoded pairs; `DataError` if pairs of this tokenizer follow none."""
        if not tokenizer.is_fast or tokenizer.padding_side != "right" or tokenizer.truncation_side != "right":
            raise DataError(
                "pairs are assembled for fast tokenizers that pad and truncate on the right, got "
                f"{type(tokenizer).__name__} with padding_side={tokenizer.padding_side!r} and "
                f"truncation_side={tokenizer.truncation_side!r}"
            )
        first, second = (cls._from_probe(tokenizer, *probe) for probe in _PROBES)
        if first is None or second is None or first.key != second.key:
            raise DataError(
                f"pairs of {type(tokenizer).__name__} do not follow one template of special tokens around two texts"
            )
        return first

    @classmethod
    def _from_probe(cls, tokenizer: Any, query: str, document: str) -> PairTemplate | None:
        encoded = tokenizer(query, document, truncation=False, padding=False, return_token_type_ids=True)
        whole = np.asarray(encoded["input_ids"], dtype=np.int64)
        types = np.asarray(encoded.get("token_type_ids", np.zeros_like(whole)), dtype=np.int64)
        texts = [np.asarray(tokenizer(t, add_special_tokens=False)["input_ids"], np.int64) for t in (query, document)]
        bounds = [0]
        for text in texts:
            starts = range(bounds[-1], len(whole) - len(text) + 1)
            start = next((s for s in starts if np.array_equal(whole[s : s + len(text)], text)), None)
            if start is None:
                return None
            bounds += [start, start + len(text)]
        segments = [slice(a, b) for a, b in zip(bounds, [*bounds[1:], len(whole)], strict=True)]
        between, inside = segments[::2], segments[1::2]
        if any(np.ptp(types[text]) for text in inside):
            return None
        before, middle, after = between
        return cls(
            (whole[before], whole[middle], whole[after]),
            (types[before], types[middle], types[after]),
            (int(types[inside[0]][0]), int(types[inside[1]][0])),
        )

    @property
    def key(self) -> tuple[Any, ...]:
        """All of the template as plain values, to compare."""
        return *(tuple(part.tolist()) for part in (*self.ids, *self.types)), self.text_types
