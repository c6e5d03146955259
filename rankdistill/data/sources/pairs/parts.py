"""Pairs of sentences without labels: ``pairs:FOLDER`` reads the parts that `rankdistill corpus` writes."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa

from rankdistill.data.candidates import Candidates
from rankdistill.data.collection import Collection
from rankdistill.data.pair_parts import SCHEMA, mask_token_of, read_pairs
from rankdistill.data.texts import Texts


def load(argument: str) -> Collection:
    """Load all pairs of a folder of parts, or of one part: the first sentence is the query, the second the document.

    Scores of experts in the parts are columns of the candidates. Raises `DataError` for other files, and for a
    duplicate id.
    """
    return collection_of_pairs(read_pairs(argument), f"pairs:{Path(argument).resolve().name}")


def collection_of_pairs(table: pa.Table, name: str) -> Collection:
    """Build a collection of the pairs in a table, see `read_pairs`."""
    ids = table["id"]
    scores = {column: table[column].to_numpy() for column in table.schema.names if column not in SCHEMA.names}
    return Collection(
        name=name,
        queries=Texts.from_pairs(ids, table["first"]),
        documents=Texts.from_pairs(ids, table["second"]),
        candidates=Candidates.from_rows(ids, ids, scores),
        unjudged="missing",
        mask_token=mask_token_of(table),
    )
