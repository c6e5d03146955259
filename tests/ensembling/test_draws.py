"""The random streams: the published SplitMix64 and FNV-1a, and pairs drawn evenly."""

from __future__ import annotations

import numpy as np

from rankdistill.data.kernels.random import GOLDEN, hash_ids, scramble, starting_states
from rankdistill.ensembling.draws import draw_pair


def test_scramble_gives_the_published_numbers_of_splitmix64():
    states = np.uint64(1234567) + GOLDEN * np.arange(1, 4, dtype=np.uint64)
    assert [int(scramble(state)) for state in states] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]


def test_hash_of_ids_is_fnv_1a():
    assert hash_ids(["", "a", "foobar"]).tolist() == [0xCBF29CE484222325, 0xAF63DC4C8601EC8C, 0x85944171F73967E8]
    assert hash_ids([]).tolist() == []


def test_every_pair_is_drawn_equally_often():
    n, draws = 5, 40_000
    counts = np.zeros((n, n), int)
    state = np.uint64(starting_states(0, hash_ids(["query"]))[0])
    for _ in range(draws):
        next_state, i, j = draw_pair(state, n)
        state = np.uint64(next_state)
        counts[i, j] += 1
    assert not counts.diagonal().any()
    expected = draws / (n * (n - 1))
    off_diagonal = counts[~np.eye(n, dtype=bool)]
    assert ((off_diagonal - expected) ** 2 / expected).sum() < 43.8  # chi-square, 19 degrees of freedom, p = .001


def test_two_documents_are_always_drawn_together():
    state = np.uint64(1)
    for _ in range(100):
        next_state, i, j = draw_pair(state, 2)
        state = np.uint64(next_state)
        assert {i, j} == {0, 1}
