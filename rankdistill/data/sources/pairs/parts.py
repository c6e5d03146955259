"""Pairs of sentences without labels: ``pairs:FOLDER`` reads the parts that `rankdistill corpus` writes."""

from __future__ import annotations

from pathlib import Path

from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection
from rankdistill.data.pair_parts import read_pairs
from rankdistill.data.texts import Texts


def load(argument: str) -> Collection:
    """Load all pairs of a folder of parts, or of one part: the first sentence is the query, the second the document.

    Raises `DataError` for other files, and for a duplicate id.
    """
    table = read_pairs(argument)
    ids = table["id"]
    return Collection(
        name=f"pairs:{Path(argument).resolve().name}",
        queries=Texts.from_pairs(ids, table["first"]),
        documents=Texts.from_pairs(ids, table["second"]),
        candidates=Candidates.from_rows(ids, ids),
        unjudged="missing",
    )
