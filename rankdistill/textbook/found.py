"""Which units the anchors find: of each unit the best rank that an anchor has it at, and the first such anchor."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from rankdistill.arrays import I64
from rankdistill.data.offsets import offsets_of
from rankdistill.files.atomic import atomic_path
from rankdistill.progress import progress
from rankdistill.retrieval.term_index import TermIndex

NEVER = np.iinfo(np.int64).max
FOUND = "found"
"""Folder, in that of unfinished work, of what was found with each k."""
_ANCHORS, _RESULTS = 1024, 1 << 24
_SECONDS_BETWEEN_SAVES = 30
Find = Callable[[TermIndex, pa.ChunkedArray, int, Path], tuple[I64, int]]
"""What `find_units` does, here or on several machines."""


def find_units(index: TermIndex, terms: pa.ChunkedArray, k: int, work: Path) -> tuple[I64, int]:
    """Search for the terms of all anchors: the best place of each unit, int64 (N,), and how many found nothing.

    terms: lists of large_string (A,). A place is the rank, from 0, times the number of anchors, plus the anchor's
    number; `NEVER` where no anchor found the unit. Only these are kept, and not the lists, so that memory does not
    depend on the anchors. work: folder of unfinished work, with a file for each k that is written twice a minute, from
    which the same call goes on after a kill.
    """
    n, saved = len(terms), work / FOUND / f"{k}.npz"
    places, nothing, done = np.full(len(index.postings.lengths), NEVER), 0, 0
    if saved.is_file():
        with np.load(saved) as file:
            places, nothing, done = file["places"], int(file["nothing"]), int(file["done"])
    since, step = time.monotonic(), anchors_at_once(k)
    with progress(f"searching (k = {k:,})", n, unit="anchors") as advance:
        advance(done)
        for start in range(done, n, step):
            some = terms.slice(start, step).to_pylist()
            nothing += improve(places, index, some, k, start, n)
            advance(len(some))
            if time.monotonic() - since > _SECONDS_BETWEEN_SAVES or start + step >= n:
                with atomic_path(saved) as path, path.open("wb") as opened:
                    np.savez(opened, places=places, nothing=nothing, done=start + len(some))
                since = time.monotonic()
    return places, nothing


def anchors_at_once(k: int) -> int:
    """How many anchors are searched for at a time, so that their results need little memory."""
    return max(1, min(_ANCHORS, _RESULTS // k))


def improve(places: I64, index: TermIndex, queries: Sequence[Sequence[str]], k: int, first: int, n_anchors: int) -> int:
    """Search for some anchors, numbered from ``first``, and put better places that units have by them into ``places``.

    Return how many of the anchors found nothing.
    """
    sizes, rows, _ = index.best(queries, k)
    anchors = first + np.repeat(np.arange(len(sizes)), sizes)
    ranks = np.arange(len(rows)) - np.repeat(offsets_of(sizes)[:-1], sizes)
    np.minimum.at(places, rows, ranks * n_anchors + anchors)
    return int((sizes == 0).sum())
