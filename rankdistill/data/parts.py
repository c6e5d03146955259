"""Parts: a run of any size as a folder of Parquet files, each with all candidates of its queries."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from rankdistill.data.candidates import Candidates, concatenate
from rankdistill.data.parquet import read_candidates, write_candidates
from rankdistill.errors import DataError, UsageError
from rankdistill.files.atomic import atomic_path

QUERIES_PER_PART = 1000
LIST = "parts.json"
"""Names the parts that a folder is to have when it is finished, and what they are made by."""


def write_parts(candidates: Candidates, folder: str | Path, queries: int = QUERIES_PER_PART) -> list[Path]:
    """Write candidates into a new folder, ``queries`` of them a file, in order: 00000.parquet, …; return the files.

    The folder appears when all are written. Raises `UsageError` where there is one with anything in it.
    """
    if queries < 1:
        raise UsageError(f"queries of a part must be at least 1, got {queries}")
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is there already: give a new folder")
    with atomic_path(folder) as made:
        for number, part in enumerate(_slices(candidates, queries)):
            write_candidates(part, made / f"{number:05}.parquet")
    return parts_of(folder)


def is_parts(path: str | Path) -> bool:
    """Whether this is a folder of parts."""
    return bool(_files(Path(path)))


def begin_parts(folder: str | Path, names: Sequence[str], facts: object) -> None:
    """Say in a folder what parts it will have and, by ``facts`` of JSON, what they are made by.

    Raises `UsageError` where the folder has parts that were made otherwise, which would mix with these.
    """
    folder = Path(folder)
    described = {"parts": list(names), "made by": facts}
    if is_parts(folder) and _described(folder) != json.loads(json.dumps(described)):
        raise UsageError(f"{folder} has parts that were made otherwise ({LIST} says how): give a new folder")
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_path(folder / LIST) as path:
        path.write_text(json.dumps(described, indent=1))


def _described(folder: Path) -> dict[str, object]:
    try:
        found: dict[str, object] = json.loads((folder / LIST).read_text())
    except (OSError, ValueError):
        return {}
    return found


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("*.parquet") if not file.name.startswith("."))  # no half-written ones


def parts_of(folder: str | Path) -> list[Path]:
    """The parts in a folder, in order; `DataError` where there is none, or where some are still to be made."""
    files = _files(Path(folder))
    if not files:
        raise DataError(f"{folder} is a folder without parts (00000.parquet, …): make them by `rankdistill parts`")
    wanted = _described(Path(folder)).get("parts", [])
    if isinstance(wanted, list) and (lacking := set(wanted) - {file.name for file in files}):
        raise DataError(
            f"{folder} lacks {len(lacking):,} of its {len(wanted):,} parts: run the command that makes them again, to "
            "go on from there"
        )
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
