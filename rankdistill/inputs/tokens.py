"""TokenizedTexts: each text tokenised once, kept as flat token ids without the special ones, to be paired by row."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from rankdistill.arrays import I32, I64
from rankdistill.data.offsets import offsets_of
from rankdistill.errors import DataError, UsageError

_CHUNK = 4096


@dataclass(frozen=True, eq=False)
class TokenizedTexts:
    """Token ids of texts: text i is ``ids[offsets[i]:offsets[i + 1]]``, without special tokens.

    ids: int32 (T,). offsets: int64 (n + 1,). lengths: int64 (n,), tokens before the cap: where it is more than what
    is kept, the text was cut. The true lengths decide how an over-long pair is shared, so cutting changes no pair.
    """

    ids: I32
    offsets: I64
    lengths: I64

    @classmethod
    def from_texts(
        cls,
        tokenizer: Any,
        texts: Sequence[str] | Iterable[Sequence[str]],
        max_tokens: int | None = None,
        n_skipped: int = 0,
    ) -> TokenizedTexts:
        """Tokenise a list of texts, or an iterable of lists of texts, which are then never all in memory.

        tokenizer: a fast transformers tokenizer (its own threads are used). max_tokens: keep a text's first
        ``max_tokens`` tokens; a pair of at most L tokens never needs more than L of either text. n_skipped: first
        tokens of every text that are no part of it.
        """
        if not tokenizer.is_fast:
            raise DataError(
                f"{type(tokenizer).__name__} is not a fast tokenizer; save the model with its tokenizer.json"
            )
        if max_tokens is not None and max_tokens < 1:
            raise UsageError(f"max_tokens must be at least 1, got {max_tokens}")
        chunks: Iterable[Any] = texts
        if isinstance(texts, Sequence) and (not len(texts) or isinstance(texts[0], str)):
            chunks = (texts[start : start + _CHUNK] for start in range(0, len(texts), _CHUNK))
        flat, lengths = [np.zeros(0, np.int32)], [np.zeros(0, np.int64)]
        for chunk in chunks:
            encoded = tokenizer(
                list(chunk),
                add_special_tokens=False,
                truncation=False,
                padding=False,
                return_attention_mask=False,
                return_token_type_ids=False,
                verbose=False,
            )["input_ids"]
            lengths.append(np.fromiter(map(len, encoded), np.int64, len(encoded)) - n_skipped)
            end = None if max_tokens is None else n_skipped + max_tokens
            kept_ids = chain.from_iterable(ids[n_skipped:end] for ids in encoded)
            flat.append(np.fromiter(kept_ids, dtype=np.int32))
        true = np.concatenate(lengths)
        kept = true if max_tokens is None else np.minimum(true, max_tokens)
        return cls(np.concatenate(flat), offsets_of(kept), true)

    def first(self, most: int) -> TokenizedTexts:
        """The first ``most`` tokens of each text, as if it had no more."""
        kept = np.minimum(np.diff(self.offsets), most)
        offsets = offsets_of(kept)
        places = np.repeat(self.offsets[:-1] - offsets[:-1], kept) + np.arange(int(kept.sum()))
        return TokenizedTexts(self.ids[places], offsets, np.minimum(self.lengths, most))

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, row: int) -> I32:
        """Token ids int32 of one text, without special tokens."""
        row = range(len(self))[row]
        return self.ids[self.offsets[row] : self.offsets[row + 1]]


NO_TEXT = TokenizedTexts(np.zeros(0, np.int32), np.zeros(2, np.int64), np.zeros(1, np.int64))
"""One text without a token: what single texts are paired with, see `PairTemplate.of_one`."""


class GrowingTexts:
    """Token ids of texts that are tokenised slice by slice, only as far as `up_to` asks; else as `TokenizedTexts`."""

    def __init__(
        self,
        tokenizer: Any,
        n_texts: int,
        slices: Iterator[Sequence[str]],
        max_tokens: int | None = None,
        n_skipped: int = 0,
    ) -> None:
        """n_texts: in all ``slices``, read one by one. The other arguments are those of `TokenizedTexts.from_texts`."""
        self.ids = np.zeros(0, np.int32)
        self.offsets, self.lengths = np.zeros(n_texts + 1, np.int64), np.zeros(n_texts, np.int64)
        self._tokenizer, self._slices = tokenizer, slices
        self._max_tokens, self._n_skipped = max_tokens, n_skipped
        self._n_done = 0

    def up_to(self, n: int) -> None:
        """Tokenise at least the first ``n`` texts."""
        while self._n_done < n:
            part = TokenizedTexts.from_texts(self._tokenizer, next(self._slices), self._max_tokens, self._n_skipped)
            first, used = self._n_done, int(self.offsets[self._n_done])
            self._n_done += len(part)
            self.lengths[first : self._n_done] = part.lengths
            self.offsets[first + 1 : self._n_done + 1] = used + part.offsets[1:]
            if len(self.ids) < used + len(part.ids):  # in large steps, so that few bytes are copied twice
                grown = np.zeros(max(used + len(part.ids), len(self.ids) * 3 // 2), np.int32)
                grown[:used] = self.ids[:used]
                self.ids = grown
            self.ids[used : used + len(part.ids)] = part.ids
