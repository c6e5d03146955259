"""PILE once more, in plain Python floats and lists as its paper describes it, with its random stream spelt out."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

WORD = 2**64


def scramble(x: int) -> int:
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 % WORD
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB % WORD
    return x ^ (x >> 31)


def hash_id(query_id: str) -> int:
    code = 0xCBF29CE484222325
    for byte in query_id.encode():
        code = (code ^ byte) * 0x100000001B3 % WORD
    return code


def hash_contents(teacher_scores: Sequence[Sequence[float]], labels: Sequence[float]) -> int:
    code = 0xCBF29CE484222325
    for row, label in enumerate(labels):
        if not math.isnan(label):
            for value in (label, *(teacher[row] for teacher in teacher_scores)):
                bits = struct.unpack("<Q", struct.pack("<d", value))[0]
                code = (scramble(code ^ bits) + 0x9E3779B97F4A7C15) % WORD
    return code


def is_reversed(y: Sequence[float], e: Sequence[float], i: int, j: int) -> bool:
    return (y[i] > y[j] and e[i] < e[j]) or (y[j] > y[i] and e[j] < e[i])


def count_reversed(y: Sequence[float], e: Sequence[float]) -> int:
    return sum(is_reversed(y, e, i, j) for i in range(len(y)) for j in range(i))


def count_reversed_with(y: Sequence[float], e: Sequence[float], i: int, j: int) -> int:
    return sum(is_reversed(y, e, i, m) + is_reversed(y, e, j, m) for m in range(len(y))) - is_reversed(y, e, i, j)


def weighted_mean(values: Sequence[float], weights: Sequence[int]) -> float:
    return sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)


def within(value: float, bounds: Sequence[float]) -> float:
    return min(max(value, min(bounds)), max(bounds))


def pile_query(
    teacher_scores: Sequence[Sequence[float]],
    labels: Sequence[float],
    query_hash: int,
    rate: float = 0.9,
    seed: int = 0,
) -> tuple[list[float], dict[str, int]]:
    """One query: teacher_scores K lists of n floats, labels n floats; the ensemble and the counts of the report."""
    f = list(zip(*teacher_scores, strict=True))
    ensemble = [within(sum(scores) / len(scores), scores) for scores in f]
    labelled = [i for i, y in enumerate(labels) if not math.isnan(y)]
    y, e, f = [labels[i] for i in labelled], [ensemble[i] for i in labelled], [f[i] for i in labelled]
    n = len(y)
    state = scramble(query_hash ^ scramble(seed % WORD ^ 0x9E3779B97F4A7C15))
    before = left = count_reversed(y, e)
    draws = updates = 0
    while left and draws < math.ceil(n**1.5):
        draws += 1
        state = (state + 0x9E3779B97F4A7C15) % WORD
        bits = scramble(state)
        i, j = (bits >> 32) * n >> 32, (bits % 2**32) * (n - 1) >> 32
        j += j >= i
        if y[i] < y[j]:
            i, j = j, i
        if y[i] > y[j] and e[i] < e[j]:
            updates += 1
            left -= count_reversed_with(y, e, i, j)
            up = weighted_mean(f[i], [0 if score < e[i] else 1 for score in f[i]])
            down = weighted_mean(f[j], [0 if score > e[j] else 1 for score in f[j]])
            e[i] = within((1 - rate) * e[i] + rate * up, f[i])
            e[j] = within((1 - rate) * e[j] + rate * down, f[j])
            left += count_reversed_with(y, e, i, j)
    for i, value in zip(labelled, e, strict=True):
        ensemble[i] = value
    counts = {
        "comparable": sum(y[i] != y[j] for i in range(n) for j in range(i)),
        "reversed_before": before,
        "reversed_after": left,
        "draws": draws,
        "updates": updates,
        "capped_queries": int(left > 0),
    }
    return ensemble, counts
