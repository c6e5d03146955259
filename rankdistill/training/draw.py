"""Draw the lists that a model is trained on: which of a query's candidates are read together, epoch by epoch."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from rankdistill.arrays import F32, F64, I64, Bools
from rankdistill.data.candidates import Candidates
from rankdistill.errors import DataError, UnknownNameError, UsageError
from rankdistill.tasks.task import LABEL
from rankdistill.training.by_score import PICKS, Draw
from rankdistill.training.settings import TrainingSettings

TARGET = "target"
"""Column of an ensemble's scores, which lists are drawn by before any other."""
MOST_ROWS = 1 << 31
"""Rows of a plan, 16 GiB."""


@dataclass(frozen=True, eq=False)
class ListPlan:
    """The lists of a training run in the order they are read."""

    rows: I64
    """int64 (lists, at most size), rows of the candidates, -1 where a query has fewer."""
    n_left_out: int
    """Queries that are not drawn."""
    n_whole: int
    """Lists of all epochs, of which the first are drawn."""

    def __len__(self) -> int:
        return len(self.rows)


def plan_lists(
    candidates: Candidates,
    size: int,
    epochs: int,
    seed: int,
    labels: str | None = None,
    learned: Sequence[str] = (),
    relevant_share: float = 0.5,
    compared: bool = True,
    draw: Draw = "random",
    by: str | None = None,
    most: int | None = None,
) -> ListPlan:
    """Draw one list of at most ``size`` candidates per query and epoch, queries in a new random order each epoch.

    labels: column of relevance labels. A share of the list, ``relevant_share``, is drawn from the relevant candidates
    (label > 0) first, or all that the query has; the rest is drawn from whatever else it has, its own hard negatives
    and further relevant ones, as ``draw`` says: see `TrainingSettings`. by: column of the scores that it reads; what
    has no score is drawn among the relevant ones alone. Of a pair the second is less relevant, where the query has such
    a candidate. Without labels all candidates are drawn alike. learned: columns of labels of which one must tell a
    query's candidates apart, as the losses learn from nothing else; empty where they do. Where candidates are not
    ``compared``, one with a label is enough, and lists of one candidate are drawn too. most: lists that are read, the
    first ones (None: all). The same seed gives the same lists. Raises `DataError` where no list is left, `UsageError`
    for more epochs than memory holds.
    """
    if draw == "each":
        return _each(candidates, epochs, seed, learned, compared, most)
    lengths = np.diff(candidates.offsets)
    relevant = candidates[labels] > 0 if labels else np.zeros(len(candidates), bool)
    usable = lengths >= (2 if compared else 1)
    if learned:
        usable &= np.any([_teaches(candidates, column, compared) for column in learned], axis=0)
    queries = np.flatnonzero(usable)
    if not len(queries):
        needed = "at least two candidates" if compared else "a candidate"
        of = f", of different {learned[0]!r}" if compared and learned else f" with a {learned[0]!r}" if learned else ""
        raise DataError(f"no query to train on: each needs {needed}{of}")
    longest = int(lengths[queries].max())
    size = longest if draw == "whole" else size
    n_relevant = max(1, int(size * relevant_share)) if relevant_share > 0 else 0
    width = min(size, longest)
    n_whole, n_read = epochs * len(queries), _n_read(epochs, len(queries), most, width, "queries")
    rows = np.full((n_read, width), -1, np.int64)
    for epoch, first in enumerate(range(0, n_read, len(queries))):
        random = np.random.default_rng([seed, epoch])
        order = _drawn_order(candidates, relevant, n_relevant, random)
        for place, query in enumerate(random.permutation(queries)[: n_read - first], first):
            drawn = order[candidates.offsets[query] : candidates.offsets[query + 1]]
            if draw in PICKS:
                drawn = _by_score(drawn, candidates, relevant, n_relevant, size, draw, by, labels, random)
            elif labels and size == 2 and len(drawn) > 1:
                drawn = _pair(drawn, candidates[labels])
            rows[place, : len(drawn[:size])] = drawn[:size]
    return ListPlan(rows, candidates.n_queries - len(queries), n_whole)


def _each(
    candidates: Candidates, epochs: int, seed: int, learned: Sequence[str], compared: bool, most: int | None
) -> ListPlan:
    """Read every candidate by itself, those with a label where labels are learned, in a new order each epoch."""
    if compared:
        raise UsageError("draw=each reads every candidate by itself, and the objective compares those of a list")
    known = np.ones(len(candidates), bool)
    if learned:
        known = np.any([~np.isnan(candidates[column]) for column in learned], axis=0)
    usable = np.flatnonzero(known)
    if not len(usable):
        raise DataError(f"no candidate to train on: each needs a {learned[0]!r}" if learned else "no candidates")
    rows = np.empty(_n_read(epochs, len(usable), most, 1, "candidates"), np.int64)
    for epoch, first in enumerate(range(0, len(rows), len(usable))):
        rows[first : first + len(usable)] = np.random.default_rng([seed, epoch]).permutation(usable)[
            : len(rows) - first
        ]
    n_queries = len(np.unique(candidates.query_of_row[usable]))
    return ListPlan(rows[:, None], candidates.n_queries - n_queries, epochs * len(usable))


def _n_read(epochs: int, n_lists: int, most: int | None, width: int, unit: str) -> int:
    """How many lists are read of all epochs' lists, each of at most ``width`` candidates; `UsageError` for too many."""
    n_read = epochs * n_lists if most is None else min(epochs * n_lists, most)
    if n_read * width > MOST_ROWS:
        raise UsageError(
            f"{epochs:,} epochs over {n_lists:,} {unit} draw {n_read * width:,} candidates, expected at most "
            f"{MOST_ROWS:,}: train for fewer epochs, or fewer updates (max_steps)"
        )
    return n_read


def drawn_by(settings: TrainingSettings, fitted: Iterable[str], columns: Iterable[str]) -> str | None:
    """The column of scores that lists are drawn by; None where ``settings.draw`` reads none.

    fitted: columns that the objective fits. columns: those that the candidates have, or will have. Raises `UsageError`
    where it is not known which, `UnknownNameError` for one that is not there.
    """
    if settings.draw not in PICKS:
        return None
    named, columns = list(dict.fromkeys(fitted)), list(dict.fromkeys(columns))
    if settings.draw_by:
        if settings.draw_by not in columns:
            raise UnknownNameError("column to draw lists by", settings.draw_by, columns)
        return settings.draw_by
    if TARGET in named or len(named) == 1:
        return TARGET if TARGET in named else named[0]
    fits = f"fits {', '.join(named)}" if named else "fits none"
    raise UsageError(
        f"draw={settings.draw} draws lists by a teacher's scores, and the objective {fits}: name the column with "
        f"draw_by, one of {', '.join(columns)}"
    )


def relevance_column(learned: Sequence[str], columns: Iterable[str], settings: TrainingSettings) -> str | None:
    """The column that says which candidates are relevant, for `plan_lists`: None where lists are drawn without.

    learned: columns that the objective's losses take as labels, which may be a teacher's scores; ``label``, where the
    candidates have it, is read in their place. Lists that are drawn by scores read it whatever the objective does.
    """
    if LABEL in columns and (learned or settings.draw in PICKS):
        return LABEL
    return learned[0] if learned else None


def _drawn_order(candidates: Candidates, relevant: Bools, n_relevant: int, random: np.random.Generator) -> I64:
    """Each query's rows in random order, int64 (N,), but for ``n_relevant`` relevant ones that come first."""
    draw = random.random(len(candidates))
    order = np.lexsort((draw, ~relevant, candidates.query_of_row))
    position = np.arange(len(candidates)) - candidates.offsets[:-1][candidates.query_of_row]
    ahead = np.empty(len(candidates), bool)
    ahead[order] = relevant[order] & (position < n_relevant)
    return np.lexsort((draw, ~ahead, candidates.query_of_row))


def _by_score(
    drawn: I64,
    candidates: Candidates,
    relevant: Bools,
    n_relevant: int,
    size: int,
    draw: Draw,
    by: str | None,
    labels: str | None,
    random: np.random.Generator,
) -> I64:
    """Of a query's rows in drawn order keep the relevant ones ahead, and of the rest what their scores pick."""
    if by is None:
        raise UsageError(f"draw={draw} draws lists by scores: name their column")
    n_ahead = min(n_relevant, int(relevant[drawn].sum()), size)
    ahead, rest = drawn[:n_ahead], drawn[n_ahead:]
    rest = rest[np.isfinite(candidates[by][rest])]
    if labels and size == 2 and n_ahead == 1:
        less = candidates[labels][rest] < candidates[labels][ahead]
        rest = rest[less] if less.any() else rest
    picked = PICKS[draw](candidates[by][rest], relevant[rest], size - n_ahead, random)
    return np.concatenate([ahead, rest[picked]])


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


def _teaches(candidates: Candidates, labels: str, compared: bool) -> Bools:
    """Whether each query, bool (Q,), has candidates of different labels, or one with a label if none are compared."""
    lowest, highest = _label_range(candidates, labels)
    return highest > lowest if compared else highest >= lowest


def _label_range(candidates: Candidates, labels: str) -> tuple[F64, F64]:
    """The lowest and highest label of each query, float64 (Q,); infinity and its negative where none is known."""
    known = ~np.isnan(candidates[labels])
    query, values = candidates.query_of_row[known], candidates[labels][known]
    lowest, highest = np.full(candidates.n_queries, np.inf), np.full(candidates.n_queries, -np.inf)
    np.minimum.at(lowest, query, values)
    np.maximum.at(highest, query, values)
    return lowest, highest
