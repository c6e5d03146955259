"""Postings: which documents have a term and what it counts there, and the best documents of many queries by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np

from rankdistill.arrays import F32, F64, I32, I64, U16, U32
from rankdistill.data.offsets import offsets_of
from rankdistill.progress import first_use
from rankdistill.retrieval.kernels.build import BLOCK_BITS, best_factors, lay_out, merge_repeats, most_repeats
from rankdistill.retrieval.kernels.search import search

_CHUNKS_PER_THREAD = 8


@dataclass(frozen=True, eq=False)
class Postings:
    """Hold for V terms the documents that have them, by term, in blocks of documents: four bytes a posting.

    What a posting adds to a score is the term's idf times ``factors[code]``; a code stands for a count of the term and
    a length of the document. Of texts of at most some hundred words there are a few thousand codes, of two bytes.
    """

    idf: F64
    """(V,) ln(1 + (N - n + 0.5) / (n + 0.5)) of the term's n documents, of N."""
    bounds: F64
    """(V,) the most that one occurrence in a query adds to a score."""
    factors: F64
    """(C,) f / (f + k1 (1 - b + b length / mean)) of each code."""
    segment_starts: I64
    """(V + 1,) offsets of each term's segments: its postings in one block."""
    segment_blocks: I32
    """(S,) rising in each term."""
    segment_offsets: I64
    """(S + 1,) offsets of each segment's postings."""
    places: U16
    """(P,) of documents in their block, rising in each segment."""
    codes: U16 | U32
    """(P,)"""
    lengths: I32
    """(N,) terms of each document."""
    block_bits: int = BLOCK_BITS
    """A block has 2 to the power of this documents, 16 at most."""

    @classmethod
    def build(
        cls, terms: I32, offsets: I64, n_terms: int, k1: float, b: float, block_bits: int = BLOCK_BITS
    ) -> Postings:
        """Build of documents as term ids, int32 (T,) with int64 offsets (N + 1,); ``terms`` is overwritten."""
        lengths = np.diff(offsets).astype(np.int32)
        _compile(np.dtype(np.uint16))
        counts, ends, n_having, n_blocks = merge_repeats(terms, offsets, n_terms, block_bits)
        distinct, inverse = np.unique(lengths, return_inverse=True)
        length_of: I32 = inverse.astype(np.int32)
        most = most_repeats(counts, ends, length_of, len(distinct))
        first_code = offsets_of(most)
        f = np.arange(first_code[-1]) - np.repeat(first_code[:-1], most) + 1.0
        norm = k1 * (1 - b + b * np.repeat(distinct, most) / max(lengths.mean(), np.finfo(np.float64).tiny))
        starts, segment_starts = offsets_of(n_having), offsets_of(n_blocks)
        segments = np.empty(segment_starts[-1], np.int32), np.empty(segment_starts[-1] + 1, np.int64)
        places = np.empty(starts[-1], np.uint16)
        codes = np.empty(starts[-1], np.uint16 if len(f) <= 1 << 16 else np.uint32)
        _compile(codes.dtype)
        lay_out(
            terms, counts, ends, length_of, first_code, starts, segment_starts, block_bits, *segments, places, codes
        )
        factors = f / (f + norm)
        idf = np.log(1 + (len(lengths) - n_having + 0.5) / (n_having + 0.5))
        bounds = idf * best_factors(starts, codes, factors)
        return cls(idf, bounds, factors, segment_starts, *segments, places, codes, lengths, block_bits)

    def search(self, queries: Sequence[Sequence[int]], k: int) -> tuple[I64, I64, F32]:
        """Find each query's k best documents that have a term of it, best first, of equal scores the lower position.

        queries: term ids, a repeated one counts as often as it stands there. Returns how many each has, int64 (Q,), and
        of all of them the positions, int64 (M,), and scores, float32 (M,), which are sums in float64, rounded.
        """
        k = min(k, len(self.lengths))
        flat = np.fromiter((term for query in queries for term in query), np.int64)
        query_of = np.repeat(np.arange(len(queries)), [len(query) for query in queries])
        keys, times = np.unique(query_of * max(1, len(self.idf)) + flat, return_counts=True)
        query_of, terms = np.divmod(keys, max(1, len(self.idf)))
        bounds = self.bounds[terms] * times
        order = np.lexsort((terms, -bounds, query_of))
        terms = terms[order].astype(np.int32)
        rows, scores = np.empty((len(queries), k), np.int32), np.empty((len(queries), k), np.float32)
        _compile(self.codes.dtype)
        sizes = search(
            terms,
            self.idf[terms] * times[order],
            bounds[order],
            np.searchsorted(query_of, np.arange(len(queries) + 1)),
            self.segment_starts,
            self.segment_blocks,
            self.segment_offsets,
            self.places,
            self.codes,
            self.factors,
            len(self.lengths),
            self.block_bits,
            rows,
            scores,
            max(1, min(len(queries), _CHUNKS_PER_THREAD * numba.get_num_threads())),
        )
        found = np.arange(k) < sizes[:, None]
        return sizes, rows[found].astype(np.int64), scores[found]

    def save(self, folder: Path) -> None:
        """Write a file for each array into a folder."""
        for field in fields(self):
            np.save(folder / f"{field.name}.npy", np.asarray(getattr(self, field.name)))

    @classmethod
    def load(cls, folder: Path) -> Postings:
        """Map the files that `save` wrote into memory."""
        # Copied on write, which nothing does: kernels are compiled once for arrays that can be written.
        arrays: dict[str, Any] = {
            field.name: np.asarray(np.load(folder / f"{field.name}.npy", mmap_mode="c")) for field in fields(cls)
        }
        return cls(**arrays | {"block_bits": int(arrays["block_bits"])})


@cache
def _compile(code: np.dtype[Any]) -> None:
    """Compile the kernels on one document of one term, and say so where that takes long."""
    with first_use("BM25"):
        one, offsets, factors = np.zeros(1, np.int32), offsets_of([1]), np.ones(1)
        counts, ends, _, _ = merge_repeats(one, offsets, 1, BLOCK_BITS)
        most_repeats(counts, ends, one, 1)
        places: U16 = np.zeros(1, np.uint16)
        codes: U16 | U32 = np.zeros(1, code)
        segments = one.copy(), offsets.copy()
        lay_out(one, counts, ends, one, offsets, offsets, offsets, BLOCK_BITS, *segments, places, codes)
        best_factors(offsets, codes, factors)
        best = np.zeros((1, 1), np.int32), np.zeros((1, 1), np.float32)
        search(one, factors, factors, offsets, offsets, *segments, places, codes, factors, 1, BLOCK_BITS, *best, 1)
