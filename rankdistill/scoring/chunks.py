"""ChunkScorer: the logits of one slice of candidates after another, the next slice's inputs made meanwhile.

While the engine computes one chunk of pairs, a thread tokenises and assembles the next: no more than two chunks of
inputs are in memory, whatever the number of pairs.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rankdistill.arrays import F32, I64, Bools
from rankdistill.inputs.texts import PairTexts
from rankdistill.inputs.tokens import GrowingTexts
from rankdistill.inputs.windows import COMBINE, Passages, Windows
from rankdistill.models.engines.threads import batch_budget, computed
from rankdistill.progress import progress
from rankdistill.scoring.shared_tokens import SharedTokens

if TYPE_CHECKING:  # torch is imported by what loads a model
    from rankdistill.models.cross_encoder import CrossEncoder
    from rankdistill.models.ready import ReadyModel


@dataclass(frozen=True)
class ChunkInputs:
    """The inputs of a chunk: one or, of a long document, several windows for each pair, in batches."""

    n_windows: int
    batches: list[tuple[I64, dict[str, I64]]]
    """Windows in the batch, and the model's inputs for them, int64 (B, length)."""
    firsts: I64
    """First window of each pair, int64 (pairs,)."""
    truncated: Bools
    """Whether a window was cut, bool (n_windows,)."""


class ChunkScorer:
    """Computes logits and scores of slices of rows; the results of a slice depend on that slice alone."""

    def __init__(
        self,
        model: CrossEncoder | ReadyModel,
        texts: PairTexts,
        batch_tokens: int,
        passages: Passages,
        description: str,
        shared: SharedTokens | None = None,
        n_threads: int | None = None,
    ) -> None:
        """shared: the tokens of the texts, for several models (None: this one alone scores them).

        n_threads: that compute batches at once (None: the engine's own number).
        """
        self.model, self.texts, self.batch_tokens, self.shared = model, texts, batch_tokens, shared
        self.passages, self.description, self.n_threads = passages, description, n_threads
        self.assembler = model.assembler
        self._n_tokens = self._n_padded = 0

    def tokenize(self, check: bool) -> None:
        """Tokenise all queries; documents when they are needed, or all of them where they are cut into windows.

        check: look every document up first, so that one without a text is reported before hours of work.
        """
        tokenizer = self.model.tokenizer
        self.documents: GrowingTexts | Windows
        if self.shared is not None and self.passages == "first":
            self.queries, self.documents = self.shared.of(self.model, check)
            return
        self.queries = self.assembler.tokenize_queries(tokenizer, self.texts.queries())
        n_documents = len(self.texts.document_ids)
        if self.passages == "first":
            if check:
                deque(self.texts.documents(), maxlen=0)
            self.documents = self.assembler.growing_documents(tokenizer, n_documents, self.texts.documents())
            return
        with progress(f"{self.description}: tokenising", n_documents, unit="texts") as advance:
            self.documents = self.assembler.windows(tokenizer, _counted(self.texts.documents(), advance))

    def inputs_ahead(self, chunks: Sequence[slice]) -> Iterator[ChunkInputs]:
        """Yield the inputs of each chunk; a thread makes the next ones while the caller works on these."""
        with ThreadPoolExecutor(1) as thread:
            pending = None
            for rows in chunks:
                ready, pending = pending, thread.submit(self.inputs, rows)
                if ready:
                    yield ready.result()
            if pending:
                yield pending.result()

    def inputs(self, rows: slice) -> ChunkInputs:
        """Tokenise what a slice of rows needs, and assemble its batches."""
        query_rows, document_rows = self.texts.query_rows[rows], self.texts.document_rows[rows]
        firsts = np.arange(len(query_rows))
        if isinstance(self.documents, Windows):
            document_rows, firsts = self.documents.of(document_rows)
            query_rows = np.repeat(query_rows, np.diff(firsts, append=len(document_rows)))
        elif self.model.n_texts == 2:
            self.documents.up_to(int(document_rows.max()) + 1)
        lengths = self.assembler.lengths(self.queries, self.documents, query_rows, document_rows)
        budget = batch_budget(self.model.engine, lengths.total, self.batch_tokens)
        batches = []
        for windows, batch in self.assembler.batches(
            self.queries, self.documents, query_rows, document_rows, budget, **self.model.batching
        ):
            batches.append((windows, batch))
            self._n_padded += batch["input_ids"].size
        self._n_tokens += int(lengths.total.sum())
        return ChunkInputs(len(query_rows), batches, firsts, lengths.truncated)

    def logits(self, inputs: ChunkInputs, advance: Callable[[int], None]) -> F32:
        """Compute the logits of a chunk's windows: float32 (n_windows, n_logits)."""
        logits = np.empty((inputs.n_windows, self.model.contract.n_logits), np.float32)
        for windows, _, given in computed(self.model.engine, inputs.batches, self.n_threads):
            logits[windows] = given
            advance(int(np.isin(windows, inputs.firsts).sum()))
        return logits

    def scores(self, logits: F32, inputs: ChunkInputs) -> F32:
        """Turn the logits of a chunk's windows into its pairs' scores: float32 (pairs,)."""
        scores = self.model.contract.scores(logits)
        if self.passages == "first" or not len(scores):
            return scores
        return COMBINE[self.passages](scores, inputs.firsts).astype(np.float32)

    def n_truncated(self, inputs: ChunkInputs) -> int:
        """Count the chunk's pairs of which a window was cut."""
        if self.passages == "first" or not len(inputs.firsts):
            return int(inputs.truncated.sum())
        return int(np.logical_or.reduceat(inputs.truncated, inputs.firsts).sum())

    @property
    def padding(self) -> float:
        """Share of the computed tokens that were padding."""
        return 1 - self._n_tokens / self._n_padded if self._n_padded else 0.0


def _counted(slices: Iterable[Sequence[str]], advance: Callable[[int], None]) -> Iterator[Sequence[str]]:
    for texts in slices:
        yield texts
        advance(len(texts))
