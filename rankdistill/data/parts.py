"""Parts: a run of any size as a folder of Parquet files, each with all candidates of its queries."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rankdistill.data.candidates import Candidates, concatenate
from rankdistill.data.tables import read_candidates, write_candidates
from rankdistill.errors import DataError, UsageError

QUERIES_PER_PART = 1000


def write_parts(candidates: Candidates, folder: str | Path, queries: int = QUERIES_PER_PART) -> list[Path]:
    """Write candidates into a new folder, ``queries`` of them a file, in order: 00000.parquet, …; return the files.

    Raises `UsageError` where the folder has parts already, which would mix with these.
    """
    if queries < 1:
        raise UsageError(f"queries of a part must be at least 1, got {queries}")
    folder = Path(folder)
    if folder.is_dir() and list(folder.glob("*.parquet")):
        raise UsageError(f"{folder} has parts already: give a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, part in enumerate(_slices(candidates, queries)):
        files.append(folder / f"{number:05}.parquet")
        write_candidates(part, files[-1])
    return files


def parts_of(folder: str | Path) -> list[Path]:
    """The parts in a folder, in order; `DataError` where there is none."""
    files = sorted(Path(folder).glob("*.parquet"))
    if not files:
        raise DataError(f"{folder} is a folder without parts (00000.parquet, …): make them by `rankdistill parts`")
    return files


def read_parts(folder: str | Path, column: str = "score") -> Candidates:
    """Read all parts as one run whose scores are the column ``column``; other columns are left out."""
    parts = []
    for file in parts_of(folder):
        part = read_candidates(file)
        if "score" not in part.columns:
            raise DataError(f"{file} has no column 'score': it is no part of a run")
        parts.append(part.only_columns().with_columns({column: part["score"]}))
    return concatenate(parts)


def _slices(candidates: Candidates, queries: int) -> Iterator[Candidates]:
    numbers = np.arange(candidates.n_queries)
    for first in range(0, candidates.n_queries, queries):
        yield candidates.take_queries((numbers >= first) & (numbers < first + queries))
