"""Retrieved lists with their texts, without labels: ``lists:FOLDER``, as `rankdistill retrieve --lists` writes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rankdistill.data.collection import Collection
from rankdistill.data.parts import SCORE, read_parts
from rankdistill.data.query_lists import LISTS, is_lists
from rankdistill.data.sources import beir
from rankdistill.errors import DataError


def load(argument: str) -> Collection:
    """Load the lists of a folder, column "score", and their texts; `DataError` for another folder, or a damaged one."""
    folder = Path(argument)
    if not is_lists(folder):
        raise DataError(f"{folder} is no folder of lists: write one with `rankdistill retrieve --lists`")
    texts = beir.load(argument)
    return replace(
        texts,
        name=f"lists:{folder.resolve().name}",
        candidates=read_parts(folder / LISTS, SCORE),
        unjudged="missing",
    )
