"""PairAssembler: model inputs of (query, document) pairs from token ids, exactly as the tokenizer makes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from rankdistill.errors import UsageError
from rankdistill.inputs.template import PairTemplate
from rankdistill.inputs.tokens import TokenizedTexts

Ints = NDArray[np.int64]


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
