"""Find the best documents of many queries: sums of a block of documents at a time, without the terms that cannot count.

A query's terms are in falling order of the most that one can add to a score. In each block the first of them are summed
over all their documents, and the last ones, which together cannot lift a document among the best, are added only to
documents that the first ones have found (MaxScore). What a document gets is summed in the same order either way.
Source: Turtle and Flood 1995 (docs/papers.md).
"""

from __future__ import annotations

import numba
import numpy as np

from rankdistill.arrays import F32, F64, I32, I64, U16, U32
from rankdistill.parallel import parallel

MARGIN = 1 - 1e-6
"""Bounds are compared with this part of the least score, which is rounded to float32."""
PASS = 8
"""A term's postings are passed through, not bisected, where they are at most this many times what was summed."""


@parallel
def search(
    terms: I32,
    weights: F64,
    bounds: F64,
    query_offsets: I64,
    segment_starts: I64,
    segment_blocks: I32,
    segment_offsets: I64,
    places: U16,
    codes: U16 | U32,
    factors: F64,
    n_documents: int,
    block_bits: int,
    rows: I32,
    scores: F32,
    n_chunks: int,
) -> I64:
    """Fill the best documents' positions and scores of each query, best first (ties: the lower position).

    terms, weights, bounds: (T,) of all queries' distinct terms, each query's by falling bound; what term t adds for a
    posting is its weight times ``factors[code]``, at most its bound. rows int32 (Q, k), scores float32 (Q, k) are
    filled. Returns how many each query has, int64 (Q,). The result does not depend on ``n_chunks``.
    """
    n_queries = len(rows)
    sizes = np.zeros(n_queries, np.int64)
    for chunk in numba.prange(n_chunks):
        sums = np.zeros(min(n_documents, 1 << block_bits), np.float64)
        for query in range(chunk, n_queries, n_chunks):
            first, last = query_offsets[query], query_offsets[query + 1]
            sizes[query] = _best(
                terms[first:last],
                weights[first:last],
                bounds[first:last],
                segment_starts,
                segment_blocks,
                segment_offsets,
                places,
                codes,
                factors,
                n_documents,
                block_bits,
                sums,
                rows[query],
                scores[query],
            )
    return sizes


@numba.njit(cache=True)
def _best(
    terms: I32,
    weights: F64,
    bounds: F64,
    segment_starts: I64,
    segment_blocks: I32,
    segment_offsets: I64,
    places: U16,
    codes: U16 | U32,
    factors: F64,
    n_documents: int,
    block_bits: int,
    sums: F64,
    rows: I32,
    scores: F32,
) -> int:
    """Fill one query's best documents, a heap until the end. sums: zeros, of a block, which it leaves as zeros."""
    n_terms, k, size = len(terms), len(rows), 0
    segment = np.empty(n_terms, np.int64)
    for term in range(n_terms):
        segment[term] = segment_starts[terms[term]]
    here, first, last = np.empty(n_terms, np.int64), np.empty(n_terms, np.int64), np.empty(n_terms, np.int64)
    rest = np.zeros(n_terms + 1, np.float64)
    needed = 0.0
    for block in range((n_documents + (1 << block_bits) - 1) >> block_bits):
        n_here = 0
        for term in range(n_terms):
            at = segment[term]
            if at < segment_starts[terms[term] + 1] and segment_blocks[at] == block:
                here[n_here], first[n_here], last[n_here] = term, segment_offsets[at], segment_offsets[at + 1]
                n_here += 1
                segment[term] += 1
        rest[n_here] = 0
        for each in range(n_here - 1, -1, -1):
            rest[each] = rest[each + 1] + bounds[here[each]]
        summed = n_here
        while summed > 0 and rest[summed - 1] < needed:
            summed -= 1
        n_summed = 0
        for each in range(summed):
            weight = weights[here[each]]
            n_summed += last[each] - first[each]
            for row in range(first[each], last[each]):
                sums[places[row]] += weight * factors[codes[row]]
        added = summed
        while 0 < summed <= added < n_here and last[added] - first[added] <= PASS * n_summed:
            weight = weights[here[added]]
            for row in range(first[added], last[added]):
                sum_ = sums[places[row]]
                more = weight * factors[codes[row]]
                sums[places[row]] = sum_ + (more if sum_ > 0 else 0.0)
            added += 1
        for each in range(summed):
            for row in range(first[each], last[each]):
                place = places[row]
                score = sums[place]
                sums[place] = 0
                if score == 0 or score + rest[added] < needed:
                    continue
                for other in range(added, n_here):
                    if score + rest[other] < needed:
                        break
                    found = _bisected(places, place, first[other], last[other])
                    if found >= 0:
                        score += weights[here[other]] * factors[codes[found]]
                rounded, document = np.float32(score), np.int32((block << block_bits) + place)
                if size < k:
                    size = _pushed(rows, scores, size, document, rounded)
                elif rounded > scores[0] or (rounded == scores[0] and document < rows[0]):
                    _sift_down(rows, scores, size, document, rounded)
                if size == k:
                    needed = np.float64(scores[0]) * MARGIN
    for end in range(size - 1, 0, -1):  # the worst one goes to the end, again and again
        document, rounded = rows[end], scores[end]
        rows[end], scores[end] = rows[0], scores[0]
        _sift_down(rows, scores, end, document, rounded)
    return size


@numba.njit(cache=True)
def _bisected(places: U16, place: int, first: int, last: int) -> int:
    """Where a place stands among rising ones, -1 where it does not."""
    end = last
    while first < last:
        middle = (first + last) >> 1
        if places[middle] < place:
            first = middle + 1
        else:
            last = middle
    return first if first < end and places[first] == place else -1


@numba.njit(cache=True)
def _pushed(rows: I32, scores: F32, size: int, row: np.int32, score: np.float32) -> int:
    """Add to the heap, whose root is the worst: the least score, of equal ones the largest row. Returns its size."""
    at = size
    while at > 0:
        above = (at - 1) >> 1
        if scores[above] < score or (scores[above] == score and rows[above] > row):
            break
        rows[at], scores[at] = rows[above], scores[above]
        at = above
    rows[at], scores[at] = row, score
    return size + 1


@numba.njit(cache=True)
def _sift_down(rows: I32, scores: F32, size: int, row: np.int32, score: np.float32) -> None:
    """Put a row in place of the heap's root."""
    at = 0
    while True:
        below = 2 * at + 1
        if below >= size:
            break
        other = below + 1
        if other < size and (
            scores[other] < scores[below] or (scores[other] == scores[below] and rows[other] > rows[below])
        ):
            below = other
        if scores[below] > score or (scores[below] == score and rows[below] < row):
            break
        rows[at], scores[at] = rows[below], scores[below]
        at = below
    rows[at], scores[at] = row, score
