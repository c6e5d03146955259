"""Retrieved lists with their texts, without labels: ``lists:FOLDER``, as `rankdistill retrieve --lists` writes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from rankdistill.data.candidates import concatenate
from rankdistill.data.collection import Collection
from rankdistill.data.parts import parts_of, read_part
from rankdistill.data.query_lists import LISTS, check_lists
from rankdistill.data.sources import beir


def load(argument: str) -> Collection:
    """Load the lists of a folder, column "score" and those of experts' scores, and their texts.

    Raises `DataError` for another folder, or a damaged one.
    """
    folder = Path(argument)
    return replace(
        load_texts(argument),
        name=f"lists:{folder.resolve().name}",
        candidates=concatenate([read_part(file) for file in parts_of(folder / LISTS)]),
        unjudged="missing",
    )


def load_texts(argument: str) -> Collection:
    """Load the texts of a folder of lists without the lists; `DataError` for another folder, or a damaged one."""
    check_lists(argument)
    return beir.load(argument)
