"""Windows over long documents: each is scored alone, and a document's score is the best or the mean of its windows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rankdistill.arrays import F32, I32, I64
from rankdistill.data.offsets import offsets_of
from rankdistill.errors import UsageError
from rankdistill.inputs.tokens import TokenizedTexts

Passages = Literal["first", "max", "mean"]
"""What a document longer than the model reads is scored by: its first tokens, its best window, or the mean of all."""

COMBINE: dict[str, Callable[[F32, I64], NDArray[Any]]] = {
    "max": lambda scores, starts: np.maximum.reduceat(scores, starts),
    "mean": lambda scores, starts: np.add.reduceat(scores, starts) / np.diff(starts, append=len(scores)),
}


@dataclass(frozen=True, eq=False)
class Windows:
    """Windows of tokenised documents, which `PairAssembler` reads as if each were a text.

    ids: int32, the documents' tokens. offsets, lengths: int64 (W,), where each window begins and how long it is.
    firsts: int64 (documents + 1,): windows ``firsts[d]:firsts[d + 1]`` are those of document d, at least one.
    """

    ids: I32
    offsets: I64
    lengths: I64
    firsts: I64

    @classmethod
    def over(cls, documents: TokenizedTexts, size: int, stride: int) -> Windows:
        """Cut each document into windows of ``size`` tokens that begin ``stride`` apart, the last one ending it.

        documents: all tokens kept. A document of no more than ``size`` tokens is one window. Raises `UsageError` for a
        stride that would leave tokens out.
        """
        if not 1 <= stride <= size:
            raise UsageError(f"windows of {size} tokens need a stride from 1 to {size}, got {stride}")
        n_tokens = np.diff(documents.offsets)
        counts = 1 + np.maximum(0, -(-(n_tokens - size) // stride))
        firsts = offsets_of(counts)
        document = np.repeat(np.arange(len(counts)), counts)
        starts = stride * (np.arange(firsts[-1]) - firsts[document])
        starts = np.minimum(starts, np.maximum(n_tokens[document] - size, 0))
        return cls(documents.ids, documents.offsets[document] + starts, np.minimum(n_tokens[document], size), firsts)

    def of(self, document_rows: Any) -> tuple[I64, I64]:
        """Concatenate the windows of these documents (B,): int64 (n,); and where each document's begin, int64 (B,)."""
        counts = np.diff(self.firsts)[document_rows]
        return ragged_range(self.firsts[document_rows], counts), np.cumsum(counts) - counts


def ragged_range(starts: I64, sizes: I64) -> I64:
    """Concatenate ``arange(start, start + size)`` over all; int64 (sum of sizes,)."""
    ends = np.cumsum(sizes)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - sizes), sizes)
