"""Job: the pairs of one request, tokenised, and the logits that they get; several are scored as one."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from rankdistill.arrays import F32, I64, Bools
from rankdistill.data.offsets import offsets_of
from rankdistill.inputs.tokens import TokenizedTexts
from rankdistill.models.engines.threads import batch_budget, computed

if TYPE_CHECKING:  # torch is imported by what loads a model
    from rankdistill.models.ready import Scorer


@dataclass(eq=False)
class Job:
    """One query and its documents."""

    query: TokenizedTexts
    documents: TokenizedTexts
    lengths: I64
    """Tokens of each pair, special ones included, int64 (n,)."""
    truncated: Bools
    """Whether a pair was cut, bool (n,)."""
    logits: F32
    """Filled in as pairs are scored, float32 (n, n_logits)."""
    done: Future[F32] = field(default_factory=Future)
    n_taken: int = 0
    """Pairs that were given to a round so far."""
    n_scored: int = 0
    abandoned: bool = False
    """Whether the client is gone."""

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def n_tokens(self) -> int:
        """Tokens of all pairs."""
        return int(self.lengths.sum())


def make_job(model: Scorer, query: str, documents: Sequence[str], most_tokens: int | None = None) -> Job:
    """Tokenise a request as `CrossEncoder.predict` does; not for several threads at once, as tokenizers have a state.

    most_tokens: of a document that are read (None: as many as there is room for).
    """
    assembler = model.assembler
    queries = assembler.tokenize_queries(model.tokenizer, [query])
    texts = assembler.tokenize(model.tokenizer, list(documents))
    true = texts.lengths
    if most_tokens is not None:
        texts = assembler.cut_documents(texts, most_tokens)
    kept = assembler.lengths(queries, texts, np.zeros(len(texts), np.int64), np.arange(len(texts)))
    logits = np.zeros((len(texts), model.contract.n_logits), np.float32)
    return Job(queries, texts, kept.total, kept.truncated | (texts.lengths < true), logits)


@dataclass(frozen=True, eq=False)
class Slice:
    """Pairs ``start`` to ``end`` of a job, to be scored in one round."""

    job: Job
    start: int
    end: int


def score_together(model: Scorer, slices: Sequence[Slice], batch_tokens: int, n_threads: int | None = None) -> int:
    """Score the pairs of several jobs in length-sorted batches, and fill in their logits; return the padded tokens.

    n_threads: that compute batches at once (None: the engine's own number).
    """
    queries = _joined([each.job.query for each in slices])
    documents = _joined([each.job.documents for each in slices])
    sizes = [len(each.job) for each in slices]
    firsts = offsets_of(sizes)[:-1].tolist()
    query_rows = np.repeat(np.arange(len(slices)), [each.end - each.start for each in slices])
    rows = np.concatenate([np.arange(each.start, each.end) + first for each, first in zip(slices, firsts, strict=True)])
    places = np.concatenate([np.arange(each.start, each.end) for each in slices])
    n_padded = 0
    lengths = np.concatenate([each.job.lengths[each.start : each.end] for each in slices])
    budget = batch_budget(model.engine, lengths, batch_tokens)
    batches = model.assembler.batches(queries, documents, query_rows, rows, budget, **model.batching)
    for items, batch, logits in computed(model.engine, batches, n_threads):
        n_padded += batch["input_ids"].size
        for nth in np.unique(query_rows[items]):
            own = query_rows[items] == nth
            slices[nth].job.logits[places[items[own]]] = logits[own]
    return n_padded


def _joined(parts: Sequence[TokenizedTexts]) -> TokenizedTexts:
    if len(parts) == 1:
        return parts[0]
    sizes = np.concatenate([np.diff(part.offsets) for part in parts])
    ids = np.concatenate([part.ids for part in parts])
    return TokenizedTexts(ids, offsets_of(sizes), np.concatenate([part.lengths for part in parts]))
