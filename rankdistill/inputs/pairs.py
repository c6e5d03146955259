"""PairAssembler: model inputs of (query, document) pairs from token ids, exactly as the tokenizer makes them."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from rankdistill.arrays import I32, I64, Bools
from rankdistill.errors import DataError, UsageError
from rankdistill.inputs.batches import batches_by_group, length_sorted_batches
from rankdistill.inputs.kept_tokens import KeptTokens
from rankdistill.inputs.template import PairTemplate
from rankdistill.inputs.tokens import GrowingTexts, TokenizedTexts
from rankdistill.inputs.windows import Windows, ragged_range

INPUTS = ("input_ids", "token_type_ids", "attention_mask")


class TokenRows(Protocol):
    """Texts as token ids: text i begins at ``offsets[i]`` of ``ids`` and has ``lengths[i]`` tokens."""

    @property
    def ids(self) -> I32: ...

    @property
    def offsets(self) -> I64: ...

    @property
    def lengths(self) -> I64: ...


TextPart = tuple[TokenRows, Any, I64]
"""Tokens of texts, the rows of those that are taken, and how many tokens are kept of each."""
TokenizedPairs = tuple[TokenizedTexts, TokenizedTexts, I64, I64]
"""Tokens of distinct queries and documents, and each pair's rows in them."""


@dataclass(frozen=True, eq=False)
class PairLengths:
    """Tokens of each pair after truncation, int64 (B,): of the query, the document, the whole; and what was cut."""

    query: I64
    document: I64
    total: I64
    truncated: Bools


class PairAssembler:
    """Builds padded model inputs of pairs from `TokenizedTexts`, without tokenising a text more than once.

    Equal to ``tokenizer(query, document, truncation="longest_first", max_length=max_length, padding="longest")``.

    max_length: tokens of a pair, those of the template included. template: the fixed tokens around the texts (None:
    the special tokens that the tokenizer puts around a pair). With `PairTemplate.of_one` documents are not
    read. input_names: names out of `INPUTS` (None: those that the tokenizer makes). padding_side:
    "left" or "right" (None: the tokenizer's). A tokenizer without a pad token pads with its end-of-sequence token, else
    its unknown token, else 0: the attention mask hides padding whatever it is. prompt: text before every query, a part
    of it.
    Raises `UsageError` where the template leaves no room for the texts.
    """

    def __init__(
        self,
        tokenizer: Any,
        max_length: int,
        template: PairTemplate | None = None,
        *,
        input_names: Sequence[str] | None = None,
        padding_side: str | None = None,
        prompt: str = "",
    ) -> None:
        self.prompt = prompt
        self.template = PairTemplate.of(tokenizer) if template is None else template
        self.room = max_length - self.template.n_special
        if self.room < self.template.n_texts:
            texts = "two texts" if self.template.n_texts == 2 else "a text"
            raise UsageError(
                f"max_length must leave room for {texts} beside {self.template.n_special} tokens of the template "
                f"(special tokens or prompt), got {max_length}"
            )
        self.max_length = max_length
        self.kept: KeptTokens | None = None
        self.input_names = _made_by(tokenizer) if input_names is None else tuple(input_names)
        self.pad_id, self.pad_type = _pad_id(tokenizer), int(tokenizer.pad_token_type_id)
        self.padding_side = tokenizer.padding_side if padding_side is None else padding_side
        if self.padding_side not in ("left", "right"):
            raise UsageError(f"padding_side must be 'left' or 'right', got {self.padding_side!r}")

    @classmethod
    def for_model(
        cls, model: Any, tokenizer: Any, max_length: int, template: PairTemplate | None = None, prompt: str = ""
    ) -> PairAssembler:
        """Build the assembler of a transformers model: inputs that its ``forward`` takes, padded on the right.

        On the right whatever the tokenizer says, so that a score does not depend on the batch: a first token stays at
        position 0, where heads and learned positions expect it, and a causal model's tokens never see what follows.
        Segment numbers are left out where the model has fewer than two segments. Raises `DataError` for others that the
        model does not know.
        """
        taken = inspect.signature(model.forward).parameters
        names = [name for name in _made_by(tokenizer) if name in taken]
        n_segments = getattr(model.config, "type_vocab_size", None)
        if n_segments is not None and n_segments < 2:
            names = [name for name in names if name != "token_type_ids"]
        template = PairTemplate.of(tokenizer) if template is None else template
        highest = max(*template.text_types, *(int(part.max(initial=0)) for part in template.types))
        if "token_type_ids" in names and n_segments is not None and highest >= n_segments:
            raise DataError(
                f"{type(tokenizer).__name__} numbers segments up to {highest}, but the model knows {n_segments}, from "
                "0: is it the model's own tokenizer?"
            )
        return cls(tokenizer, max_length, template, input_names=names, padding_side="right", prompt=prompt)

    def keep_texts(self, most: int) -> None:
        """Keep the tokens of the last ``most`` texts of the lists that are tokenised from now on; 0: none."""
        self.kept = KeptTokens(most, self.room) if most else None

    @property
    def around(self) -> list[Any]:
        """What is put around texts before they are tokenised, as JSON can hold it: with the same, tokens are shared."""
        return [self.prompt]

    @property
    def closing(self) -> I64:
        """Fixed tokens that every pair ends in, int64 (n,)."""
        return self.template.ids[2]

    def by_tokenizer(self, tokenizer: Any, pairs: Sequence[tuple[str, str]], **options: Any) -> Any:
        """The inputs of whole pairs as other tools make them, by the tokenizer's own truncation; options: its own."""
        columns = self._prompted([query for query, _ in pairs]), [document for _, document in pairs]
        read = columns[: self.template.n_texts]
        return tokenizer(*read, truncation=True, max_length=self.max_length, **options)

    def tokenize(self, tokenizer: Any, texts: Any) -> TokenizedTexts:
        """Tokenise texts, keeping no more tokens of each than a pair holds; a list's may be kept, see `keep_texts`."""
        if self.kept is not None and isinstance(texts, list):
            return self.kept.tokenize(tokenizer, texts)
        return TokenizedTexts.from_texts(tokenizer, texts, max_tokens=self.room)

    def tokenize_queries(self, tokenizer: Any, texts: Any) -> TokenizedTexts:
        """Tokenise queries, each after the prompt where there is one; see `tokenize`."""
        if not self.prompt:
            return self.tokenize(tokenizer, texts)
        return self.tokenize(tokenizer, each_slice(texts, self._prompted))

    def tokenize_pairs(self, tokenizer: Any, pairs: Sequence[tuple[str, str]]) -> TokenizedPairs:
        """Tokenise (query, document) pairs, each distinct query and document once: what `assemble` takes."""
        queries, documents = (list(dict.fromkeys(pair[part] for pair in pairs)) for part in (0, 1))
        query_of, document_of = ({text: row for row, text in enumerate(texts)} for texts in (queries, documents))
        return (
            self.tokenize_queries(tokenizer, queries),
            self.tokenize(tokenizer, documents),
            np.array([query_of[query] for query, _ in pairs], np.int64),
            np.array([document_of[document] for _, document in pairs], np.int64),
        )

    def cut_documents(self, documents: TokenizedTexts, most: int) -> TokenizedTexts:
        """Keep the first ``most`` tokens of each document, as if it had no more."""
        return documents.first(most)

    def growing_documents(self, tokenizer: Any, n_texts: int, slices: Iterator[Sequence[str]]) -> GrowingTexts:
        """Documents that are tokenised slice by slice, when they are needed; see `tokenize`."""
        return GrowingTexts(tokenizer, n_texts, slices, self.room)

    def windows(self, tokenizer: Any, slices: Iterator[Sequence[str]]) -> Windows:
        """Tokenise documents whole, and cut them into windows of three quarters of a pair, half of that apart."""
        size = max(1, self.room * 3 // 4)
        return Windows.over(TokenizedTexts.from_texts(tokenizer, slices), size, max(1, size // 2))

    def taking(self, input_names: Sequence[str]) -> PairAssembler:
        """Return an assembler of the same pairs that makes other inputs."""
        other = copy.copy(self)
        other.input_names = tuple(input_names)
        return other

    def _prompted(self, queries: Sequence[str]) -> list[str]:
        return [f"{self.prompt}{query}" for query in queries]

    def lengths(self, queries: TokenRows, documents: TokenRows, query_rows: Any, document_rows: Any) -> PairLengths:
        """Compute the tokens that each pair keeps; pair b is query ``query_rows[b]`` and ``document_rows[b]``."""
        true_query, true_document = queries.lengths[query_rows], documents.lengths[document_rows]
        if self.template.n_texts == 1:
            true_document = np.zeros_like(true_document)
        query, document = longest_first(true_query, true_document, self.room)
        truncated = true_query + true_document > self.room
        return PairLengths(query, document, query + document + self.template.n_special, truncated)

    def batches(
        self,
        queries: TokenRows,
        documents: TokenRows,
        query_rows: I64,
        document_rows: I64,
        batch_tokens: int,
        *,
        equal: bool = False,
        by_query: bool = False,
    ) -> Iterator[tuple[I64, dict[str, I64]]]:
        """Yield length-sorted batches of the pairs: their positions int64 (B,) and the model's inputs.

        batch_tokens, equal: see `length_sorted_batches`. by_query: see `batches_by_group`.
        """
        lengths = self.lengths(queries, documents, query_rows, document_rows).total
        by_length = length_sorted_batches(lengths, batch_tokens, equal=equal)
        for items in batches_by_group(lengths, query_rows, batch_tokens) if by_query else by_length:
            yield items, self.assemble(queries, documents, query_rows[items], document_rows[items])

    def assemble(
        self,
        queries: TokenRows,
        documents: TokenRows,
        query_rows: Any,
        document_rows: Any,
        *,
        pad_to: int | None = None,
    ) -> dict[str, I64]:
        """Build the inputs that the model takes, int64 (B, length): input_ids, token_type_ids, attention_mask.

        pad_to: length (None: the longest pair's); shorter than the longest pair is a `UsageError`.
        """
        query_rows, document_rows = np.asarray(query_rows), np.asarray(document_rows)
        kept = self.lengths(queries, documents, query_rows, document_rows)
        texts = (queries, query_rows, kept.query), (documents, document_rows, kept.document)
        return self._put_together(texts, kept.total, pad_to)

    def _put_together(self, texts: tuple[TextPart, TextPart], total: I64, pad_to: int | None) -> dict[str, I64]:
        """Build the inputs of pairs of two texts, each given by its tokens, its rows and how many tokens are kept."""
        longest = int(total.max(initial=0))
        if pad_to is not None and pad_to < longest:
            raise UsageError(f"pad_to is {pad_to}, but the longest pair has {longest} tokens")
        shape = len(total), longest if pad_to is None else pad_to
        ids, types = np.full(shape, self.pad_id, np.int64), np.full(shape, self.pad_type, np.int64)
        column = np.arange(shape[1])
        first = shape[1] - total if self.padding_side == "left" else np.zeros(len(total), np.int64)
        end = first
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
        mask = ((column >= first[:, None]) & (column < end[:, None])).astype(np.int64)
        inputs = {"input_ids": ids, "token_type_ids": types, "attention_mask": mask}
        return {name: inputs[name] for name in self.input_names}


def _made_by(tokenizer: Any) -> tuple[str, ...]:
    """Names of the inputs that a tokenizer makes, in its order."""
    return tuple(name for name in tokenizer.model_input_names if name in INPUTS)


def _pad_id(tokenizer: Any) -> int:
    """The id that stands for no token; where a tokenizer has none, any id, as the attention mask hides it."""
    known = (tokenizer.pad_token_id, tokenizer.eos_token_id, tokenizer.unk_token_id)
    return next((int(token) for token in known if token is not None), 0)


def each_slice(texts: Any, change: Callable[[Sequence[str]], list[str]]) -> Any:
    """Change every slice of texts, given as a list or as an iterable of lists; the latter stays one."""
    if isinstance(texts, Sequence) and (not len(texts) or isinstance(texts[0], str)):
        return change(texts)
    return (change(chunk) for chunk in texts)


def longest_first(n_first: I64, n_second: I64, room: int) -> tuple[I64, I64]:
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
