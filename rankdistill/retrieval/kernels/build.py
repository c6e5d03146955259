"""Turn documents, as flat term ids, into postings by term: counted, then laid out in blocks of documents."""

from __future__ import annotations

import numba
import numpy as np

from rankdistill.arrays import I32, I64, U16, U32

BLOCK_BITS = 15
"""Documents lie in blocks of 2 ** 15: a place in a block takes two bytes, and its sums stay in a core's cache."""


@numba.njit(cache=True)
def merge_repeats(terms: I32, offsets: I64, n_terms: int, block_bits: int) -> tuple[I32, I64, I64, I64]:
    """Merge the repeated terms of each document, in place: the first ``ends[-1]`` of ``terms`` are then distinct.

    terms: int32 (T,), those of document d are ``offsets[d]:offsets[d + 1]``. Returns how often each distinct one
    occurs in its document, int32 (T,), of which as many are filled; ``ends``, int64 (D + 1,), the offsets of documents
    in them; and for each term the documents that have it, and the blocks of documents, int64 (V,) each.
    """
    counts = np.empty(len(terms), np.int32)
    ends = np.zeros(len(offsets), np.int64)
    n_documents, n_blocks = np.zeros(n_terms, np.int64), np.zeros(n_terms, np.int64)
    last_document, last_block = np.full(n_terms, -1, np.int64), np.full(n_terms, -1, np.int64)
    place = np.zeros(n_terms, np.int64)
    end = 0
    for document in range(len(offsets) - 1):
        block = document >> block_bits
        for row in range(offsets[document], offsets[document + 1]):
            term = terms[row]
            if last_document[term] == document:
                counts[place[term]] += 1
                continue
            last_document[term], place[term] = document, end
            terms[end], counts[end] = term, 1
            end += 1
            n_documents[term] += 1
            if last_block[term] != block:
                last_block[term] = block
                n_blocks[term] += 1
        ends[document + 1] = end
    return counts, ends, n_documents, n_blocks


@numba.njit(cache=True)
def most_repeats(counts: I32, ends: I64, length_of: I32, n_lengths: int) -> I64:
    """Find for each length of documents, by its number, how often a term occurs at most in one: int64 (L,)."""
    most = np.ones(n_lengths, np.int64)
    for document in range(len(length_of)):
        length = length_of[document]
        for row in range(ends[document], ends[document + 1]):
            most[length] = max(most[length], counts[row])
    return most


@numba.njit(cache=True)
def lay_out(
    terms: I32,
    counts: I32,
    ends: I64,
    length_of: I32,
    first_code: I64,
    starts: I64,
    segment_starts: I64,
    block_bits: int,
    segment_blocks: I32,
    segment_offsets: I64,
    places: U16,
    codes: U16 | U32,
) -> None:
    """Write the postings by term, documents rising, and where each term's postings of a block begin.

    starts, segment_starts: int64 (V + 1,), offsets of each term's postings and segments. The code of a posting is that
    of the first code of the document's length, and the term's count less one after it. Fills the last four arrays.
    """
    following, segment = starts[:-1].copy(), segment_starts[:-1].copy()
    last_block = np.full(len(following), -1, np.int64)
    inside = (1 << block_bits) - 1
    for document in range(len(length_of)):
        block = document >> block_bits
        for row in range(ends[document], ends[document + 1]):
            term = terms[row]
            if last_block[term] != block:
                last_block[term] = block
                segment_blocks[segment[term]], segment_offsets[segment[term]] = block, following[term]
                segment[term] += 1
            places[following[term]] = document & inside
            codes[following[term]] = first_code[length_of[document]] + counts[row] - 1
            following[term] += 1
    segment_offsets[-1] = starts[-1]


@numba.njit(cache=True)
def best_factors(starts: I64, codes: U16 | U32, factors: np.ndarray) -> np.ndarray:
    """Find the largest factor of each term's postings: float64 (V,)."""
    best = np.zeros(len(starts) - 1, np.float64)
    for term in range(len(best)):
        for row in range(starts[term], starts[term + 1]):
            best[term] = max(best[term], factors[codes[row]])
    return best
