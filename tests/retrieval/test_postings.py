"""Postings: the best documents of queries are those of a plain float64 reference, in its order, in any blocks."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path

import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rankdistill.data.offsets import offsets_of
from rankdistill.retrieval.postings import Postings

Terms = list[list[int]]
N_TERMS = 6
TERMS = st.lists(st.integers(0, N_TERMS - 1), max_size=6)


def built(documents: Terms, k1: float = 1.2, b: float = 0.75, block_bits: int = 15) -> Postings:
    flat = np.array([term for document in documents for term in document], np.int32)
    n_terms = max(N_TERMS, *(flat + 1)) if len(flat) else N_TERMS
    return Postings.build(flat, offsets_of([len(each) for each in documents]), int(n_terms), k1, b, block_bits)


def reference(documents: Terms, query: list[int], k: int, k1: float, b: float) -> list[tuple[int, float]]:
    """The k best (document, score), by one loop over everything."""
    mean = sum(map(len, documents)) / len(documents)
    scores: Counter[int] = Counter()
    for term in query:
        having = [row for row, document in enumerate(documents) if term in document]
        idf = math.log(1 + (len(documents) - len(having) + 0.5) / (len(having) + 0.5))
        for row in having:
            f = documents[row].count(term)
            scores[row] += idf * f / (f + k1 * (1 - b + b * len(documents[row]) / mean))
    found = [(row, float(np.float32(score))) for row, score in scores.items()]
    return sorted(found, key=lambda pair: (-pair[1], pair[0]))[:k]


def lists(postings: Postings, queries: Terms, k: int) -> list[list[tuple[int, float]]]:
    sizes, rows, scores = postings.search(queries, k)
    pairs = list(zip(rows.tolist(), scores.tolist(), strict=True))
    return [pairs[first : first + size] for first, size in zip(offsets_of(sizes)[:-1], sizes, strict=True)]


@settings(max_examples=300)
@given(
    st.lists(TERMS, min_size=1, max_size=40).filter(any),
    st.lists(TERMS, max_size=4),
    st.integers(1, 45),
    st.sampled_from([(1.2, 0.75), (0.0, 1.0), (2.0, 0.0)]),
    st.sampled_from([0, 1, 3, 15]),
)
def test_the_best_are_those_of_the_reference_in_any_blocks(
    documents: Terms, queries: Terms, k: int, parameters: tuple[float, float], block_bits: int
) -> None:
    found = lists(built(documents, *parameters, block_bits), queries, k)
    expected = [reference(documents, query, k, *parameters) for query in queries]
    assert [[row for row, _ in each] for each in found] == [[row for row, _ in each] for each in expected]
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose([score for _, score in one], [score for _, score in other], rtol=1e-7)


@pytest.mark.parametrize("k", [1, 7, 60])
def test_terms_that_cannot_count_alone_still_count_for_documents_that_others_found(k: int) -> None:
    """Frequent terms beside rare ones, over many blocks, so that some terms are looked up and some passed through."""
    random = np.random.default_rng(0)
    chances = np.array([0.9, 0.5, 0.2, 0.05, 0.01, 0.003])
    documents = [
        [term for term in range(N_TERMS) for _ in range(random.poisson(1)) if random.random() < chances[term]]
        for _ in range(3000)
    ]
    queries = [[0, 1, 2, 3, 4, 5], [5, 0], [4, 4, 1], [0]]
    found = lists(built(documents, block_bits=7), queries, k)
    for one, query in zip(found, queries, strict=True):
        assert one == reference(documents, query, k, 1.2, 0.75)


def test_the_number_of_threads_does_not_matter() -> None:
    random = np.random.default_rng(1)
    documents = [random.integers(0, N_TERMS, 5).tolist() for _ in range(500)]
    queries = [random.integers(0, N_TERMS, 3).tolist() for _ in range(64)]
    postings, threads = built(documents, block_bits=4), numba.get_num_threads()
    expected = lists(postings, queries, 20)
    numba.set_num_threads(1)
    try:
        assert lists(postings, queries, 20) == expected
    finally:
        numba.set_num_threads(threads)


@pytest.mark.slow
def test_lengths_and_counts_of_more_than_two_bytes_have_codes_of_four() -> None:
    documents = [[0] * times for times in range(1, 400)] + [[1]]
    postings = built(documents)
    assert (postings.codes.dtype, len(postings.factors)) == (np.uint32, 1 + sum(range(2, 400)))
    (found,) = lists(postings, [[0, 1]], 5)
    assert found == reference(documents, [0, 1], 5, 1.2, 0.75)


def test_saved_postings_are_read_as_they_were(tmp_path: Path) -> None:
    postings = built([[0, 1, 1], [2], []], block_bits=1)
    postings.save(tmp_path)
    again = Postings.load(tmp_path)
    assert again.block_bits == 1
    assert lists(again, [[1, 2]], 3) == lists(postings, [[1, 2]], 3)


def test_queries_without_terms_and_no_queries_find_nothing() -> None:
    postings = built([[0]])
    assert lists(postings, [[], [0], []], 3) == [
        [],
        reference([[0]], [0], 1, 1.2, 0.75),
        [],
    ]
    assert lists(postings, [], 3) == []
