"""The index of the units, which is kept with the unfinished work."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from rankdistill.files.atomic import atomic_path
from rankdistill.files.checksums import damage
from rankdistill.progress import progress
from rankdistill.retrieval.term_index import TermIndex
from rankdistill.textbook.units import texts_of

INDEX = "index"
"""Folder, in that of unfinished work, of the saved index."""
_TEXTS = 1 << 16


def index_of(units: pa.Table, work: Path) -> TermIndex:
    """Index the units and save the index in the folder ``work``; open the one that is there already, undamaged."""
    folder = work / INDEX
    if not folder.is_dir() or damage(folder):
        with atomic_path(folder, sealed=True) as temporary:
            temporary.mkdir()
            TermIndex.build(_batches(units)).save(temporary)
    return TermIndex.load(folder)


def _batches(units: pa.Table) -> Iterator[list[str]]:
    with progress("indexing (BM25)", len(units), unit="sentences") as advance:
        for start in range(0, len(units), _TEXTS):
            texts = texts_of(units.slice(start, _TEXTS))
            yield texts
            advance(len(texts))
