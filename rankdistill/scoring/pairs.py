"""PairAssembler: model inputs of (query, document) pairs from token ids, exactly as the tokenizer makes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rankdistill.errors import DataError, UsageError
from rankdistill.scoring.tokens import TokenizedTexts

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


class TokenRows(Protocol):
    """Texts as token ids: text i begins at ``offsets[i]`` of ``ids`` and has ``lengths[i]`` tokens."""

    @property
    def ids(self) -> NDArray[np.int32]: ...

    @property
    def offsets(self) -> Ints: ...

    @property
    def lengths(self) -> Ints: ...


@dataclass(frozen=True, eq=False)
class PairLengths:
    """Tokens of each pair after truncation, int64 (B,): of the query, the document, the whole; and what was cut."""

    query: Ints
    document: Ints
    total: Ints
    truncated: NDArray[np.bool_]


class PairAssembler:
    """Makes padded model inputs of pairs from `TokenizedTexts`.

    Equal to ``tokenizer(query, document, truncation="longest_first", max_length=max_length, padding="longest")``,
    without tokenising a text more than once. The template of special tokens is read off the tokenizer.
    """

    def __init__(self, tokenizer: Any, max_length: int) -> None:
        self.template = PairTemplate.of(tokenizer)
        self.room = max_length - self.template.n_special
        if self.room < 2:
            raise UsageError(
                f"max_length must leave room for two texts beside {self.template.n_special} special tokens, "
                f"got {max_length}"
            )
        self.max_length = max_length
        self.input_names = [name for name in tokenizer.model_input_names if name in _INPUTS]
        self.pad_id, self.pad_type = int(tokenizer.pad_token_id), int(tokenizer.pad_token_type_id)

    def tokenize(self, tokenizer: Any, texts: Any) -> TokenizedTexts:
        """Tokenise texts, keeping no more tokens of each than a pair can hold."""
        return TokenizedTexts.from_texts(tokenizer, texts, max_tokens=self.room)

    def lengths(self, queries: TokenRows, documents: TokenRows, query_rows: Any, document_rows: Any) -> PairLengths:
        """Compute the tokens that each pair keeps; pair b is query ``query_rows[b]`` and ``document_rows[b]``."""
        true_query, true_document = queries.lengths[query_rows], documents.lengths[document_rows]
        query, document = longest_first(true_query, true_document, self.room)
        truncated = true_query + true_document > self.room
        return PairLengths(query, document, query + document + self.template.n_special, truncated)

    def assemble(
        self,
        queries: TokenRows,
        documents: TokenRows,
        query_rows: Any,
        document_rows: Any,
        *,
        pad_to: int | None = None,
    ) -> dict[str, Ints]:
        """Make the inputs that the model takes, int64 (B, length): input_ids, token_type_ids, attention_mask.

        pad_to: length (None: the longest pair's); shorter than the longest pair is a `UsageError`.
        """
        query_rows, document_rows = np.asarray(query_rows), np.asarray(document_rows)
        kept = self.lengths(queries, documents, query_rows, document_rows)
        longest = int(kept.total.max(initial=0))
        if pad_to is not None and pad_to < longest:
            raise UsageError(f"pad_to is {pad_to}, but the longest pair has {longest} tokens")
        shape = len(query_rows), longest if pad_to is None else pad_to
        ids, types = np.full(shape, self.pad_id, np.int64), np.full(shape, self.pad_type, np.int64)
        column = np.arange(shape[1])
        end = np.zeros(len(query_rows), np.int64)
        texts = ((queries, query_rows, kept.query), (documents, document_rows, kept.document))
        for part in range(3):
            special = end[:, None] + np.arange(len(self.template.ids[part]))
            np.put_along_axis(ids, special, np.broadcast_to(self.template.ids[part], special.shape), axis=1)
            np.put_along_axis(types, special, np.broadcast_to(self.template.types[part], special.shape), axis=1)
            start = end + special.shape[1]
            if part == 2:
                end = start
                break
            tokens, rows, n_tokens = texts[part]
            end = start + n_tokens
            inside = (column >= start[:, None]) & (column < end[:, None])
            ids[inside] = tokens.ids[ragged_range(tokens.offsets[rows], n_tokens)]
            types[inside] = self.template.text_types[part]
        made = {"input_ids": ids, "token_type_ids": types, "attention_mask": (column < end[:, None]).astype(np.int64)}
        return {name: made[name] for name in self.input_names}


_INPUTS = ("input_ids", "token_type_ids", "attention_mask")


def longest_first(n_first: Ints, n_second: Ints, room: int) -> tuple[Ints, Ints]:
    """Share ``room`` tokens between two texts as the "longest_first" truncation of fast tokenizers does.

    n_first, n_second: int64 (B,). Only the longer text is cut while that is enough; else both get half, and an odd
    token goes to the longer one, or to the second where they are equal. Source: tokenizers, `truncate_encodings`.
    """
    short, long = np.minimum(n_first, n_second), np.maximum(n_first, n_second)
    both = short > room // 2
    new_short = np.where(both, room // 2, short)
    new_long = np.minimum(long, room - new_short)
    fits = n_first + n_second <= room
    new_short, new_long = np.where(fits, short, new_short), np.where(fits, long, new_long)
    first_longer = n_first > n_second
    return np.where(first_longer, new_long, new_short), np.where(first_longer, new_short, new_long)


def ragged_range(starts: Ints, sizes: Ints) -> Ints:
    """Concatenate ``arange(start, start + size)`` over all; int64 (sum of sizes,)."""
    ends = np.cumsum(sizes)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - sizes), sizes)
