"""Draw the lists that a model is trained on: which of a query's candidates are read together, epoch by epoch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rankdistill.arrays import F32, F64, I64, Bools
from rankdistill.data.candidates import Candidates
from rankdistill.errors import DataError, UsageError

MOST_ROWS = 1 << 31
"""Rows of a plan, 16 GiB."""


@dataclass(frozen=True, eq=False)
class ListPlan:
    """All lists of a training run in the order they are read.

    rows: int64 (lists, at most size), rows of the candidates, -1 where a query has fewer. n_left_out: queries that are
    not drawn.
    """

    rows: I64
    n_left_out: int

    def __len__(self) -> int:
        return len(self.rows)


def plan_lists(
    candidates: Candidates,
    size: int,
    epochs: int,
    seed: int,
    labels: str | None = None,
    only_labelled: bool = False,
    relevant_share: float = 0.5,
    compared: bool = True,
) -> ListPlan:
    """Draw one list of at most ``size`` candidates per query and epoch, queries in a new random order each epoch.

    labels: column of relevance labels. A share of the list, ``relevant_share``, is drawn from the relevant candidates
    (label > 0) first, or all that the query has; the rest is drawn from whatever else it has, its own hard negatives
    and further relevant ones. Of a pair the second is less relevant, where the query has such a candidate. Without
    labels all candidates are drawn alike. only_labelled: leave out queries whose labels are all missing or, where
    candidates are ``compared``, all equal, which teach a loss over labels nothing. Where they are not compared, lists
    of one candidate are drawn too. The same seed gives the same lists. Raises `DataError` where no list is left,
    `UsageError` for more epochs than memory holds.
    """
    relevant = candidates[labels] > 0 if labels else np.zeros(len(candidates), bool)
    usable = np.diff(candidates.offsets) >= (2 if compared else 1)
    if only_labelled and labels:
        lowest, highest = _label_range(candidates, labels)
        usable &= highest > lowest if compared else highest >= lowest
    queries = np.flatnonzero(usable)
    if not len(queries):
        needed = "at least two candidates" if compared else "a candidate"
        of = f", of different {labels!r}" if compared else f" with a {labels!r}"
        raise DataError(f"no query to train on: each needs {needed}{of if only_labelled else ''}")
    n_relevant = max(1, int(size * relevant_share)) if relevant_share > 0 else 0
    width = min(size, int(np.diff(candidates.offsets)[queries].max()))
    if (n_rows := epochs * len(queries) * width) > MOST_ROWS:
        raise UsageError(
            f"{epochs:,} epochs over {len(queries):,} queries draw {n_rows:,} candidates, expected at most "
            f"{MOST_ROWS:,}: train for fewer epochs"
        )
    rows = np.full((epochs, len(queries), width), -1, np.int64)
    for epoch in range(epochs):
        random = np.random.default_rng([seed, epoch])
        order = _drawn_order(candidates, relevant, n_relevant, random)
        for place, query in enumerate(random.permutation(queries)):
            drawn = order[candidates.offsets[query] : candidates.offsets[query + 1]]
            if labels and size == 2 and len(drawn) > 1:
                drawn = _pair(drawn, candidates[labels])
            rows[epoch, place, : len(drawn[:size])] = drawn[:size]
    return ListPlan(rows.reshape(-1, width), candidates.n_queries - len(queries))


def _drawn_order(candidates: Candidates, relevant: Bools, n_relevant: int, random: np.random.Generator) -> I64:
    """Each query's rows in random order, int64 (N,), but for ``n_relevant`` relevant ones that come first."""
    draw = random.random(len(candidates))
    order = np.lexsort((draw, ~relevant, candidates.query_of_row))
    position = np.arange(len(candidates)) - candidates.offsets[:-1][candidates.query_of_row]
    ahead = np.empty(len(candidates), bool)
    ahead[order] = relevant[order] & (position < n_relevant)
    return np.lexsort((draw, ~ahead, candidates.query_of_row))


def _pair(drawn: I64, labels: F32) -> I64:
    """The first of the drawn rows, and the next that is less relevant; the second where none is."""
    less = labels[drawn] < labels[drawn[0]]
    return drawn[[0, less.argmax() if less.any() else 1]]


def draw_candidates(candidates: Candidates, size: int, seed: int, labels: str | None = None) -> Candidates:
    """Keep of every query with two candidates or more the list that `plan_lists` draws in its first epoch.

    These are all the candidates that need a teacher's score.
    """
    rows = plan_lists(candidates, size, 1, seed, labels).rows.ravel()
    kept = np.zeros(len(candidates), bool)
    kept[rows[rows >= 0]] = True
    return candidates.take_rows(kept)


def _label_range(candidates: Candidates, labels: str) -> tuple[F64, F64]:
    """The lowest and highest label of each query, float64 (Q,); infinity and its negative where none is known."""
    known = ~np.isnan(candidates[labels])
    query, values = candidates.query_of_row[known], candidates[labels][known]
    lowest, highest = np.full(candidates.n_queries, np.inf), np.full(candidates.n_queries, -np.inf)
    np.minimum.at(lowest, query, values)
    np.maximum.at(highest, query, values)
    return lowest, highest
