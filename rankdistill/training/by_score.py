"""Draw a list by a teacher's scores: evenly over their range, or the hardest candidates and a band of the others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from rankdistill.arrays import F32, I64, Bools

Draw = Literal["random", "even", "hardest", "whole", "each"]
Pick = Callable[[F32, Bools, int, np.random.Generator], I64]
"""(scores (n,), whether each is relevant (n,), how many to pick, random) -> places of what is picked, at most so many,
each once. Scores are known; the candidates come in a random order, by which
equal ones are told apart."""


def evenly(scores: F32, relevant: Bools, n: int, random: np.random.Generator) -> I64:
    """Pick one of each of ``n`` equally wide intervals of the scores' range, and for empty ones again of the rest.

    Source: Jang et al. 2026, "Beyond Hard Negatives", arXiv:2604.04734, stratified sampling.
    """
    left, picked = np.arange(len(scores)), np.empty(0, np.int64)
    while len(left) and len(picked) < n:
        interval = _intervals(scores[left], n - len(picked))
        _, first = np.unique(interval, return_index=True)
        picked = np.concatenate([picked, left[np.sort(first)]])
        left = np.delete(left, first)
    return picked


def hardest_and_band(scores: F32, relevant: Bools, n: int, random: np.random.Generator) -> I64:
    """Pick a half of what scores highest of the irrelevant, and a half evenly over the ranks of what is left.

    Source: the lists of the Ettin re-rankers (sentence-transformers, 2026): the relevant one, 31 hardest and 32 by
    quantiles of the teacher's score make 64.
    """
    order = np.argsort(-scores, kind="stable")
    hardest = order[~relevant[order]][: max(min(n, 1), n // 2)]
    left = order[~np.isin(order, hardest)]
    strata = np.array_split(left, min(len(left), n - len(hardest))) if len(left) and n > len(hardest) else []
    return np.concatenate([hardest, [random.choice(each) for each in strata]]).astype(np.int64)


PICKS: dict[str, Pick] = {"even": evenly, "hardest": hardest_and_band}
"""The ways to draw that read scores; the others read none."""


def _intervals(scores: F32, n: int) -> I64:
    """The number, from 0, of the interval of the range that each score is in, of ``n`` that are equally wide."""
    lowest, width = float(scores.min()), (float(scores.max()) - float(scores.min())) / n
    places = np.zeros(len(scores)) if width == 0 else (scores.astype(np.float64) - lowest) / width
    return np.minimum(places.astype(np.int64), n - 1)
