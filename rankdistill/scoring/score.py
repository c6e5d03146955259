"""score: a cross-encoder over candidate lists, texts tokenised once, length-sorted batches, resumable after a kill.

While the engine computes one chunk of pairs, a thread tokenises and assembles the next: no more than two chunks of
inputs are in memory, whatever the number of pairs.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from rankdistill.data.candidates import Candidates
from rankdistill.errors import UnknownNameError, UsageError
from rankdistill.inputs.batches import length_sorted_batches
from rankdistill.inputs.texts import PairTexts, TextCollection
from rankdistill.inputs.tokens import GrowingTexts, TokenizedTexts
from rankdistill.inputs.windows import COMBINE, Passages, Windows
from rankdistill.models.cross_encoder import CrossEncoder
from rankdistill.progress import console, progress
from rankdistill.scoring.store import ScoreStore

Floats = NDArray[np.float32]
CHUNK_PAIRS = 1024


@dataclass(frozen=True)
class ScoreReport:
    """What scoring met and took.

    n_truncated: pairs longer than the model reads, cut. n_resumed: pairs taken from the store. n_empty_documents:
    distinct documents without text, scored as they are. seconds: from the first chunk's inputs to the last score, with
    waiting for the inputs of all others. padding: share of the tokens computed that were padding.
    """

    n_pairs: int
    n_truncated: int
    n_resumed: int
    n_empty_documents: int
    seconds: float
    padding: float

    @property
    def pairs_per_second(self) -> float:
        """Throughput of the pairs scored by this call; NaN where all came from the store."""
        n_scored = self.n_pairs - self.n_resumed
        return n_scored / self.seconds if n_scored and self.seconds > 0 else float("nan")

    def __str__(self) -> str:
        parts = [f"{self.n_pairs:,} pairs"]
        if self.n_resumed:
            parts.append(f"{self.n_resumed:,} of them from the store")
        if self.n_pairs > self.n_resumed:
            parts.append(f"{self.pairs_per_second:,.0f} pairs/s, {self.padding:.1%} padding")
        share = self.n_truncated / self.n_pairs if self.n_pairs else 0.0
        parts.append(f"{self.n_truncated:,} truncated ({share:.0%})")
        if self.n_empty_documents:
            parts.append(f"{self.n_empty_documents:,} empty documents")
        return "; ".join(parts)


def score(
    model: CrossEncoder | str | Path,
    candidates: Candidates,
    collection: TextCollection,
    *,
    batch_tokens: int | None = None,
    dtype: str | None = None,
    store: str | Path | None = None,
    passages: Passages = "first",
    description: str = "scoring",
) -> Floats:
    """Score every candidate with a cross-encoder: float32 (N,), row for row, and log a `ScoreReport`.

    See `score_with_report` for the settings and errors.
    """
    scores, report = score_with_report(
        model,
        candidates,
        collection,
        batch_tokens=batch_tokens,
        dtype=dtype,
        store=store,
        passages=passages,
        description=description,
    )
    console.print(f"{description}: {report}", highlight=False)
    return scores


def score_with_report(
    model: CrossEncoder | str | Path,
    candidates: Candidates,
    collection: TextCollection,
    *,
    batch_tokens: int | None = None,
    dtype: str | None = None,
    store: str | Path | None = None,
    passages: Passages = "first",
    description: str = "scoring",
    chunk_pairs: int = CHUNK_PAIRS,
) -> tuple[Floats, ScoreReport]:
    """Score every candidate: float32 (N,) and what it took.

    model: a `CrossEncoder`, or the folder or hub id of one. collection: holds the texts of the candidates' ids.
    batch_tokens: padded tokens in a batch (None: by device). dtype: None (the model's own), "float32", "bfloat16" or
    "auto". store: a folder for a `ScoreStore`; the same call after a kill goes on from it and ends with the same bytes.
    chunk_pairs: pairs between two writes to the store; batches never span chunks, so they do not depend on kills.
    passages: what a document longer than the model reads is scored by: "first", its first tokens (FirstP); "max", the
    best of its windows (MaxP); "mean", the mean of them (AvgP). Windows hold three quarters of the tokens that a pair
    has room for and begin half of that apart; what is truncated is then a query longer than the rest.
    Raises `DataError` for an id without a text or an empty query. In float32 scores depend on batch_tokens and
    chunk_pairs by less than 1e-5.
    """
    if chunk_pairs < 1:
        raise UsageError(f"chunk_pairs must be at least 1, got {chunk_pairs}")
    if not isinstance(model, CrossEncoder):
        model = CrossEncoder.from_pretrained(model)
    model = model.with_dtype(dtype)
    batch_tokens = model.batch_tokens if batch_tokens is None else batch_tokens
    texts = PairTexts(candidates, collection)
    if passages not in get_args(Passages):
        raise UnknownNameError("way to score long documents", passages, get_args(Passages))
    chunks = _ChunkScorer(model, texts, batch_tokens, description, passages)
    n_pairs = len(candidates)
    if store is None:
        opened: ScoreStore | nullcontext[None] = nullcontext()
    else:
        facts = {
            "model": model.fingerprint(),
            "engine": model.engine.identity,
            "batch_tokens": batch_tokens,
            "pairs": texts.digest(),
        } | ({} if passages == "first" else {"passages": passages})
        opened = ScoreStore(store, facts, n_pairs, chunk_pairs)
    scores = np.empty(n_pairs, np.float32)
    with opened as kept:
        n_resumed = n_truncated = 0
        if kept is not None:
            n_resumed, n_truncated = kept.n_done, kept.n_truncated
            scores[:n_resumed] = kept.scores()
        if n_resumed:
            console.print(f"{description}: going on from {n_resumed:,} of {n_pairs:,} pairs", highlight=False)
        todo = [slice(start, min(start + chunk_pairs, n_pairs)) for start in range(n_resumed, n_pairs, chunk_pairs)]
        if todo:
            chunks.tokenize(check=store is None)
        started = time.perf_counter()
        with progress(description, n_pairs) as advance:
            advance(n_resumed)
            for rows, inputs in zip(todo, _ahead(chunks.inputs, todo), strict=True):
                if rows is todo[0]:
                    started = time.perf_counter()
                scores[rows], cut = chunks.score(inputs, advance)
                n_truncated += cut
                if kept is not None:
                    kept.append(scores[rows], cut)
        seconds = time.perf_counter() - started
    return scores, ScoreReport(n_pairs, n_truncated, n_resumed, texts.n_empty_documents, seconds, chunks.padding)


@dataclass(frozen=True)
class _Inputs:
    """What the engine computes of a chunk: batches of pairs (or of a pair's windows) and where their scores go."""

    n: int
    batches: list[tuple[NDArray[np.int64], dict[str, NDArray[np.int64]]]]
    firsts: NDArray[np.int64]
    """Of each pair its first window."""
    truncated: NDArray[np.bool_]


class _ChunkScorer:
    """Scores slices of rows; what a slice's scores are depends on the slice alone."""

    def __init__(
        self, model: CrossEncoder, texts: PairTexts, batch_tokens: int, description: str, passages: Passages
    ) -> None:
        self.passages = passages
        self.model, self.texts, self.batch_tokens, self.description = model, texts, batch_tokens, description
        self.assembler = model.assembler
        self._tokens = self._padded = 0

    def tokenize(self, check: bool) -> None:
        """Tokenise all queries; documents as they are needed, or all where they are cut into windows.

        check: look every document up first, so that one without a text is told before hours of work.
        """
        tokenizer = self.model.tokenizer
        self.queries = self.assembler.tokenize(tokenizer, self.texts.queries())
        self.documents: GrowingTexts | Windows
        if self.passages == "first":
            if check:
                deque(self.texts.documents(), maxlen=0)
            n = len(self.texts.document_ids)
            self.documents = GrowingTexts(tokenizer, n, self.texts.documents(), self.assembler.room)
            return
        with progress(f"{self.description}: tokenising", len(self.texts.document_ids), unit="texts") as advance:
            size = max(1, self.assembler.room * 3 // 4)
            whole = TokenizedTexts.from_texts(tokenizer, _counted(self.texts.documents(), advance))
            self.documents = Windows.over(whole, size, max(1, size // 2))

    def inputs(self, rows: slice) -> _Inputs:
        """Tokenise what a slice of rows needs, and assemble its batches."""
        query_rows, document_rows = self.texts.query_rows[rows], self.texts.document_rows[rows]
        firsts = np.arange(len(query_rows))
        if isinstance(self.documents, Windows):
            document_rows, firsts = self.documents.of(document_rows)
            query_rows = np.repeat(query_rows, np.diff(firsts, append=len(document_rows)))
        else:
            self.documents.up_to(int(document_rows.max()) + 1)
        lengths = self.assembler.lengths(self.queries, self.documents, query_rows, document_rows)
        batches = []
        for items in length_sorted_batches(lengths.total, self.batch_tokens):
            batch = self.assembler.assemble(self.queries, self.documents, query_rows[items], document_rows[items])
            batches.append((items, batch))
            self._padded += batch["input_ids"].size
        self._tokens += int(lengths.total.sum())
        return _Inputs(len(query_rows), batches, firsts, lengths.truncated)

    def score(self, inputs: _Inputs, advance: Callable[[int], None]) -> tuple[Floats, int]:
        """Score a slice: float32 (rows,), and how many of its pairs were truncated."""
        logits = np.empty((inputs.n, self.model.contract.n_logits), np.float32)
        for items, batch in inputs.batches:
            logits[items] = self.model.engine.logits(batch)
            advance(int(np.isin(items, inputs.firsts).sum()))
        scores, truncated = self.model.contract.scores(logits), inputs.truncated
        if self.passages != "first" and len(scores):
            scores = COMBINE[self.passages](scores, inputs.firsts).astype(np.float32)
            truncated = np.logical_or.reduceat(truncated, inputs.firsts)
        return scores, int(truncated.sum())

    @property
    def padding(self) -> float:
        return 1 - self._tokens / self._padded if self._padded else 0.0


def _ahead(make: Callable[[slice], _Inputs], todo: Sequence[slice]) -> Iterator[_Inputs]:
    """Make one chunk's inputs in a thread while the caller works on those of the chunk before."""
    with ThreadPoolExecutor(1) as thread:
        ahead = None
        for rows in todo:
            made, ahead = ahead, thread.submit(make, rows)
            if made:
                yield made.result()
        if ahead:
            yield ahead.result()


def _counted(slices: Iterable[Sequence[str]], advance: Callable[[int], None]) -> Iterator[Sequence[str]]:
    for texts in slices:
        yield texts
        advance(len(texts))
