"""Textbooks, texts without labels: ``textbook:FOLDER`` reads the parts that `rankdistill textbook` writes."""

from __future__ import annotations

from pathlib import Path

from rankdistill.data.collection import Collection
from rankdistill.data.pair_parts import SCHEMA, read_pairs
from rankdistill.data.sources.pairs.parts import collection_of_pairs


def load(argument: str) -> Collection:
    """Load all texts of a folder of parts: a sentence or the first of a pair is the query, the second the document.

    The document of a single sentence has an empty text. Columns of scores are left out. Raises the errors of
    ``pairs:FOLDER``.
    """
    return collection_of_pairs(read_pairs(argument).select(SCHEMA.names), f"textbook:{Path(argument).resolve().name}")
