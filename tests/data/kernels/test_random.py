"""Random streams and hashes of ids: the published SplitMix64 and FNV-1a."""

from __future__ import annotations

import numpy as np
import pytest

from rankdistill.data.candidates import as_ids
from rankdistill.data.kernels.random import GOLDEN, hash_ids, scramble


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


@pytest.mark.parametrize("ids", [["a"], ["", "é", "日本", "x" * 300], [f"document {i}" for i in range(1000)]])
def test_hash_of_ids_equals_a_loop_over_their_bytes(ids: list[str]) -> None:
    def fnv_1a(text: str) -> int:
        value = 0xCBF29CE484222325
        for byte in text.encode():
            value = (value ^ byte) * 0x100000001B3 % 2**64
        return value

    assert hash_ids(ids).tolist() == [fnv_1a(text) for text in ids]
    part = as_ids(["left out", *ids, "left out"]).slice(1, len(ids))
    assert hash_ids(part).tolist() == [fnv_1a(text) for text in ids], "a slice of an Arrow array"
