"""Interleaving: merge two systems' lists into one, and count on whose documents users click."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numba import njit

from rankdistill.arrays import F64, I64, Bools
from rankdistill.data.candidates import Candidates
from rankdistill.data.kernels.random import hash_ids, starting_states, uniform
from rankdistill.errors import DataError, UsageError
from rankdistill.evaluation.online.clicks import (
    ClickModel,
    Impression,
    attraction,
    check_click_model,
    click,
    click_ranks,
)
from rankdistill.evaluation.online.gain import Gain, gain


def interleaving_gain(impressions: Sequence[Impression], confidence: float = 0.95) -> Gain:
    """Compute Δ_AB = 0.5 · (wins A - wins B) / (wins A + wins B + ties): above 0 where users prefer A's documents.

    Source: PILE §4.3, after Chapelle et al. 2012 (docs/papers.md).
    """
    outcomes = [seen.outcome for seen in impressions]
    return gain(outcomes, [seen.query_id for seen in impressions], 0.5, confidence)


def simulate_interleaving(
    run_a: Candidates,
    run_b: Candidates,
    qrels: Candidates,
    clicks: ClickModel = "cascade",
    sessions: int = 100,
    k: int = 10,
    seed: int = 0,
) -> Iterator[Impression]:
    """Interleave two runs by team draft and simulate clicks on the first k documents, ``sessions`` times per query.

    Takes queries that both runs have and that are judged, in the order of the qrels; each run has one column of scores.
    clicks: "position" (a document is examined with probability 1/rank) or "cascade" (from the top until the first
    click); see `attraction` for the probability of a click. A query's clicks depend on the seed and its own lists
    alone. Raises `DataError` where no query is in all three, `UsageError` for a run with several columns.
    """
    check_click_model(clicks)
    if sessions < 1 or k < 1:
        raise UsageError(f"sessions and k must be at least 1, got {sessions} and {k}")
    a, b = (run.top_k(k, run.score_column()).join(qrels, "label") for run in (run_a, run_b))
    place_a, place_b = (_places(run) for run in (a, b))
    both = [query for query in qrels.query_ids.to_pylist() if query in place_a and query in place_b]
    if not both:
        raise DataError("no query is in both runs and judged: do these runs and qrels belong together?")
    highest = float(np.nanmax(qrels["label"]))
    for query in both:
        list_a, list_b = a.query(place_a[query]), b.query(place_b[query])
        labels = dict(zip(list_a.doc_ids, list_a.columns["label"].tolist(), strict=True))
        labels |= dict(zip(list_b.doc_ids, list_b.columns["label"].tolist(), strict=True))
        code = {document: i for i, document in enumerate(labels)}
        chances = attraction(np.array(list(labels.values())), highest)
        codes_a = np.array([code[document] for document in list_a.doc_ids], np.int64)
        codes_b = np.array([code[document] for document in list_b.doc_ids], np.int64)
        size = min(k, len(code))
        teams, clicked = np.zeros((sessions, size), np.bool_), np.zeros((sessions, size), np.bool_)
        [state] = starting_states(seed, hash_ids([query]))
        show(codes_a, codes_b, chances, clicks == "cascade", state, teams, clicked)
        for from_a, click_here in zip(teams, clicked, strict=True):
            yield Impression(query, "".join(np.where(from_a, "A", "B").tolist()), click_ranks(click_here))


def _places(run: Candidates) -> dict[str, int]:
    return {query: i for i, query in enumerate(run.query_ids.to_pylist())}


@njit(cache=True)
def show(
    a: I64,
    b: I64,
    chances: F64,
    cascade: bool,
    state: np.uint64,
    teams: Bools,
    clicked: Bools,
) -> None:
    """Interleave and click once per session: fill teams (sessions, k), True for A, and clicked (sessions, k).

    a, b: documents of both lists, as indices of chances.
    """
    order = np.zeros(teams.shape[1], np.int64)
    for session in range(len(teams)):
        state = team_draft(a, b, len(chances), order, teams[session], state)
        state = click(chances[order], cascade, clicked[session], state)


@njit(cache=True)
def team_draft(a: I64, b: I64, n_documents: int, order: I64, from_a: Bools, state: np.uint64) -> np.uint64:
    """Merge two lists of documents (below n_documents) into ``order`` (k,), with their origin in ``from_a`` (k,).

    In turn each list adds its best document that is not in the merged list. The list that has added fewer is next; a
    coin decides between equals. When one list is exhausted, the other continues. Returns the random stream's next
    state. Source: Radlinski, Kurup & Joachims 2008, algorithm 2 (docs/papers.md).
    """
    taken = np.zeros(n_documents, np.bool_)
    at_a, at_b, given_a, given_b = 0, 0, 0, 0
    for rank in range(len(order)):
        while at_a < len(a) and taken[a[at_a]]:
            at_a += 1
        while at_b < len(b) and taken[b[at_b]]:
            at_b += 1
        state, coin = uniform(state)
        turn_of_a = given_a < given_b or (given_a == given_b and coin < 0.5)
        turn_of_a = at_a < len(a) and (turn_of_a or at_b == len(b))
        order[rank], from_a[rank] = (a[at_a] if turn_of_a else b[at_b]), turn_of_a
        taken[order[rank]] = True
        given_a, given_b = given_a + turn_of_a, given_b + (not turn_of_a)
    return state
