"""Which units the anchors find: of each unit the best rank that an anchor has it at, and the first such anchor."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rankdistill.arrays import I64
from rankdistill.data.offsets import offsets_of
from rankdistill.files.atomic import atomic_path
from rankdistill.progress import progress
from rankdistill.retrieval.term_index import TermIndex

NEVER = np.iinfo(np.int64).max
_ANCHORS, _RESULTS = 1024, 1 << 24
_SECONDS_BETWEEN_SAVES = 30


def find_units(index: TermIndex, queries: Sequence[Sequence[str]], k: int, saved: Path) -> tuple[I64, int]:
    """Search for all anchors' terms: the best place of each unit, int64 (N,), and how many anchors found nothing.

    A place is the rank, from 0, times the number of anchors, plus the anchor's number; `NEVER` where no anchor found
    the unit. Only these are kept, and not the lists, so that memory does not depend on the anchors. saved: a file that
    is written twice a minute, from which the same call goes on after a kill.
    """
    n = len(queries)
    places, nothing, done = np.full(len(index.postings.lengths), NEVER), 0, 0
    if saved.is_file():
        with np.load(saved) as file:
            if (int(file["n"]), int(file["k"])) == (n, k):
                places, nothing, done = file["places"], int(file["nothing"]), int(file["done"])
    since = time.monotonic()
    step = max(1, min(_ANCHORS, _RESULTS // k))
    with progress(f"searching (k = {k:,})", n, unit="anchors") as advance:
        advance(done)
        for start in range(done, n, step):
            some = queries[start : start + step]
            units, best, without = places_of(index, some, k, start, n)
            places[units] = np.minimum(places[units], best)
            nothing += without
            advance(len(some))
            if time.monotonic() - since > _SECONDS_BETWEEN_SAVES or start + step >= n:
                with atomic_path(saved) as path, path.open("wb") as opened:
                    np.savez(opened, n=n, k=k, places=places, nothing=nothing, done=start + len(some))
                since = time.monotonic()
    return places, nothing


def places_of(
    index: TermIndex, queries: Sequence[Sequence[str]], k: int, first: int, n_anchors: int
) -> tuple[I64, I64, int]:
    """Search for some anchors, numbered from ``first``: the units that they find, their best places, int64 (M,) each.

    And how many of the anchors found nothing. Units are rising.
    """
    sizes, rows, _ = index.best(queries, k)
    anchors = first + np.repeat(np.arange(len(sizes)), sizes)
    ranks = np.arange(len(rows)) - np.repeat(offsets_of(sizes)[:-1], sizes)
    places = ranks * n_anchors + anchors
    order = np.lexsort((places, rows))
    rows, places = rows[order], places[order]
    is_best = np.ones(len(rows), bool)
    is_best[1:] = rows[1:] != rows[:-1]
    return rows[is_best], places[is_best], int((sizes == 0).sum())
