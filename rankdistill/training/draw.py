"""Draw the lists that a model is trained on: which of a query's candidates are read together, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rankdistill.data.candidates import Candidates
from rankdistill.errors import DataError

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ListPlan:
    """All lists of a training run in the order they are read.

    rows: int64 (lists, size), rows of the candidates, -1 where a query has fewer. n_left_out: queries not drawn.
    """

    rows: Ints
    n_left_out: int

    def __len__(self) -> int:
        return len(self.rows)


def plan_lists(
    candidates: Candidates, size: int, epochs: int, seed: int, labels: str | None = None, only_labelled: bool = False
) -> ListPlan:
    """Draw one list of at most ``size`` candidates per query and epoch, queries in a new random order each epoch.

    labels: column of relevance labels: half of the list are relevant candidates (label > 0), or all that the query has,
    and the rest is drawn from whatever else it has (its own hard negatives, further relevant ones among them; of a pair
    the second is less relevant, where the query has such); without it all candidates are drawn alike. only_labelled:
    leave out queries whose labels are all equal or missing, which teach a loss over labels nothing. The same seed gives
    the same lists. Raises `DataError` where no list is left.
    """
    relevant = candidates[labels] > 0 if labels else np.zeros(len(candidates), bool)
    usable = np.diff(candidates.offsets) >= 2
    if only_labelled and labels:
        usable &= _with_different_labels(candidates, labels)
    queries = np.flatnonzero(usable)
    if not len(queries):
        raise DataError(
            "no query to train on: each needs at least two candidates"
            + (f", of different {labels!r}" if only_labelled else "")
        )
    rows = np.full((epochs, len(queries), size), -1, np.int64)
    for epoch in range(epochs):
        random = np.random.default_rng([seed, epoch])
        # one draw per row; relevant rows are moved ahead, up to half of the list, then the list is cut
        draw = random.random(len(candidates))
        order = np.lexsort((draw, ~relevant, candidates.query_of_row))
        position = np.arange(len(candidates)) - candidates.offsets[:-1][candidates.query_of_row]
        ahead = np.empty(len(candidates), bool)
        ahead[order] = relevant[order] & (position < max(1, size // 2))
        order = np.lexsort((draw, ~ahead, candidates.query_of_row))
        for place, query in enumerate(random.permutation(queries)):
            drawn = order[candidates.offsets[query] : candidates.offsets[query + 1]]
            if labels and size == 2:
                less = candidates[labels][drawn] < candidates[labels][drawn[0]]
                drawn = drawn[[0, less.argmax() if less.any() else 1]]
            rows[epoch, place, : len(drawn[:size])] = drawn[:size]
    return ListPlan(rows.reshape(-1, size), candidates.n_queries - len(queries))


def draw_candidates(candidates: Candidates, size: int, seed: int, labels: str | None = None) -> Candidates:
    """Keep of every query with two candidates or more the list that `plan_lists` draws in its first epoch.

    So many candidates need a teacher's score, and no more.
    """
    rows = plan_lists(candidates, size, 1, seed, labels).rows.ravel()
    kept = np.zeros(len(candidates), bool)
    kept[rows[rows >= 0]] = True
    return candidates.take_rows(kept)


def _with_different_labels(candidates: Candidates, labels: str) -> NDArray[np.bool_]:
    """bool (Q,): whether a query has two candidates with different labels."""
    known = ~np.isnan(candidates[labels])
    query, values = candidates.query_of_row[known], candidates[labels][known]
    lowest, highest = np.full(candidates.n_queries, np.inf), np.full(candidates.n_queries, -np.inf)
    np.minimum.at(lowest, query, values)
    np.maximum.at(highest, query, values)
    return highest > lowest
