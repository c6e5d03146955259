"""PromptAssembler: model inputs of a query and a document inside a prompt, of which truncation cuts the texts alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np

from rankdistill.arrays import I64
from rankdistill.errors import UsageError
from rankdistill.inputs.borders import Borders, Piece
from rankdistill.inputs.pairs import PairAssembler, PairLengths, TokenRows, each_slice
from rankdistill.inputs.prompt import Prompt
from rankdistill.inputs.template import PairTemplate, check_tokenizer
from rankdistill.inputs.tokens import GrowingTexts, TokenizedTexts
from rankdistill.inputs.windows import Windows

_NOTHING = np.zeros(0, np.int64)


class PromptAssembler(PairAssembler):
    """Builds padded model inputs of pairs inside a prompt, without tokenising a text more than once.

    Equal to ``tokenizer(prompt.format(query, document))`` where that has at most ``max_length`` tokens; see `Borders`.
    Of longer ones the end of the document is cut, down to a quarter of the tokens that the prompt leaves, then the end
    of the query; the prompt is always whole. The other arguments are those of `PairAssembler`.
    Raises `UsageError` where the prompt leaves no room for the texts.
    """

    def __init__(
        self,
        tokenizer: Any,
        max_length: int,
        prompt: Prompt,
        *,
        input_names: Sequence[str] | None = None,
        padding_side: str | None = None,
    ) -> None:
        check_tokenizer(tokenizer)
        self.asked = prompt
        self.borders = Borders.of(tokenizer, prompt)
        first, second = self.borders.first, self.borders.second
        self.query_piece, self.document_piece = (second, first) if prompt.document_first else (first, second)
        ids = self.borders.start, _NOTHING, self.borders.end
        types = tuple(np.zeros_like(part) for part in ids)
        n_fixed = sum(map(len, ids)) + first.n_fixed + second.n_fixed
        if max_length < n_fixed + 2:
            raise UsageError(
                f"the prompt has {n_fixed} tokens without its texts, and pairs are cut to {max_length}, the model's "
                "length: give a shorter prompt or instruction, or a model that reads more (what finetune and distill "
                "train reads --max-length)"
            )
        template = PairTemplate(ids, (types[0], types[1], types[2]), (0, 0))
        super().__init__(tokenizer, max_length, template, input_names=input_names, padding_side=padding_side)

    @property
    def around(self) -> list[Any]:
        """The text of both parts of the prompt, see `PairAssembler.around`."""
        pieces = self.query_piece, self.document_piece
        return [*([piece.before, piece.after, piece.n_skipped] for piece in pieces), self.asked.stripped]

    @property
    def closing(self) -> I64:
        """Fixed tokens that every pair ends in where its second text is cut, int64 (n,)."""
        return np.concatenate([self.borders.second.tail, self.borders.end])

    @property
    def free(self) -> int:
        """Tokens that the prompt leaves for both texts."""
        return self.room - self.query_piece.n_fixed - self.document_piece.n_fixed

    def by_tokenizer(self, tokenizer: Any, pairs: Sequence[tuple[str, str]], **options: Any) -> Any:
        """The inputs of whole pairs as other tools make them, which cut the end of the prompt; options: its own."""
        whole = [self.asked.format(query, document) for query, document in pairs]
        special = self.asked.takes_special_tokens(tokenizer)
        return tokenizer(whole, add_special_tokens=special, truncation=True, max_length=self.max_length, **options)

    def tokenize(self, tokenizer: Any, texts: Any) -> TokenizedTexts:
        """Tokenise documents in their part of the prompt, keeping no more tokens of each than a pair can hold."""
        return self._tokenized(tokenizer, texts, self.document_piece)

    def tokenize_queries(self, tokenizer: Any, texts: Any) -> TokenizedTexts:
        """Tokenise queries in their part of the prompt; see `tokenize`."""
        return self._tokenized(tokenizer, texts, self.query_piece)

    def cut_documents(self, documents: TokenizedTexts, most: int) -> TokenizedTexts:
        """Keep the first ``most`` tokens of each document, as if it had no more, and its part of the prompt."""
        piece = self.document_piece
        cut = documents.first(most + piece.n_fixed)
        whole = np.diff(cut.offsets) == cut.lengths  # else `assemble` cuts it once more
        ends = cut.offsets[1:][whole & (cut.lengths < documents.lengths)]
        cut.ids[(ends - len(piece.tail))[:, None] + np.arange(len(piece.tail))] = piece.tail
        return cut

    def growing_documents(self, tokenizer: Any, n_texts: int, slices: Iterator[Sequence[str]]) -> GrowingTexts:
        """Documents that are tokenised slice by slice, when they are needed; see `tokenize`."""
        piece = self.document_piece
        put_in = partial(self._put_in, piece)
        return GrowingTexts(tokenizer, n_texts, map(put_in, slices), self.room, piece.n_skipped)

    def windows(self, tokenizer: Any, slices: Iterator[Sequence[str]]) -> Windows:
        """Raise `UsageError`: a window has no part of the prompt around it."""
        raise UsageError(
            "a model that reads its texts in a prompt scores a document by its first tokens alone: leave out "
            "--passages, or cut the documents into passages beforehand"
        )

    def lengths(self, queries: TokenRows, documents: TokenRows, query_rows: Any, document_rows: Any) -> PairLengths:
        """Compute the tokens that each pair keeps, those of the prompt around each text included."""
        query, document = queries.lengths[query_rows], documents.lengths[document_rows]
        least = self.document_piece.n_fixed + self.free // 4
        kept_document = np.minimum(document, np.maximum(least, self.room - query))
        kept_query = np.minimum(query, self.room - kept_document)
        truncated = query + document > self.room
        return PairLengths(kept_query, kept_document, kept_query + kept_document + self.template.n_special, truncated)

    def assemble(
        self,
        queries: TokenRows,
        documents: TokenRows,
        query_rows: Any,
        document_rows: Any,
        *,
        pad_to: int | None = None,
    ) -> dict[str, I64]:
        """Build the inputs that the model takes, int64 (B, length); see `PairAssembler.assemble`."""
        query_rows, document_rows = np.asarray(query_rows), np.asarray(document_rows)
        kept = self.lengths(queries, documents, query_rows, document_rows)
        texts = (queries, query_rows, kept.query), (documents, document_rows, kept.document)
        first, second = texts[::-1] if self.asked.document_first else texts
        inputs = self._put_together((first, second), kept.total, pad_to)
        ids = inputs["input_ids"]
        begin = ids.shape[1] - kept.total if self.padding_side == "left" else np.zeros(len(kept.total), np.int64)
        begin = begin + len(self.borders.start)
        for piece, (tokens, rows, n_kept) in zip(
            (self.borders.first, self.borders.second), (first, second), strict=True
        ):
            begin = begin + n_kept
            cut = np.flatnonzero(tokens.lengths[rows] > n_kept)
            ids[cut[:, None], (begin[cut] - len(piece.tail))[:, None] + np.arange(len(piece.tail))] = piece.tail
        return inputs

    def _tokenized(self, tokenizer: Any, texts: Any, piece: Piece) -> TokenizedTexts:
        put_in = each_slice(texts, partial(self._put_in, piece))
        return TokenizedTexts.from_texts(tokenizer, put_in, self.room, piece.n_skipped)

    def _put_in(self, piece: Piece, texts: Sequence[str]) -> list[str]:
        return [f"{piece.before}{text}{piece.after}" for text in self.asked.texts(texts)]
