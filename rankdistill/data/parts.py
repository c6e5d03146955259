"""Parts: a run of any size as a folder of Parquet files, each with all candidates of its queries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from rankdistill.data.candidates import Candidates, concatenate
from rankdistill.data.parquet import read_candidates, write_candidates
from rankdistill.errors import DataError, UsageError
from rankdistill.files.atomic import atomic_path
from rankdistill.files.facts import read_facts, same, write_facts

QUERIES_PER_PART = 1000
LIST = "parts.json"
"""File that names all parts of a folder, also those not yet written, and the facts that shape them."""


def write_parts(candidates: Candidates, folder: str | Path, queries: int = QUERIES_PER_PART) -> list[Path]:
    """Write candidates into a new folder of files 00000.parquet, …, each of ``queries`` queries; return the files.

    The folder gets its name when all files are written. Raises `UsageError` where a folder that is not empty exists.
    """
    if queries < 1:
        raise UsageError(f"a part must have at least 1 query, got {queries}")
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} already exists: give a new folder")
    with atomic_path(folder) as temporary:
        for number, part in enumerate(_slices(candidates, queries)):
            write_candidates(part, temporary / f"{number:05}.parquet")
    return parts_of(folder)


def is_parts(path: str | Path) -> bool:
    """Tell whether this is a folder of parts."""
    return bool(_files(Path(path)))


def begin_parts(folder: str | Path, names: Sequence[str], facts: object) -> None:
    """Write into a folder the names of its parts to be and the facts, values that JSON can hold, that shape them.

    Raises `UsageError` where the folder already has parts of other names or facts.
    """
    folder = Path(folder)
    described = {"parts": list(names), "made by": facts}
    if is_parts(folder) and not same(read_facts(folder / LIST), described):
        raise UsageError(f"{folder} has parts that were made otherwise, see {LIST} in it: give a new folder")
    write_facts(folder / LIST, described)


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("*.parquet") if not file.name.startswith("."))  # temporary ones


def parts_of(folder: str | Path) -> list[Path]:
    """List the parts in a folder, in order; raise `DataError` where there are none, or some are not yet written."""
    files = _files(Path(folder))
    if not files:
        raise DataError(f"{folder} is a folder without parts (00000.parquet, …): write them with `rankdistill parts`")
    names = read_facts(Path(folder) / LIST).get("parts", [])
    if isinstance(names, list) and (lacking := set(names) - {file.name for file in files}):
        raise DataError(
            f"{folder} lacks {len(lacking):,} of its {len(names):,} parts: run the command that writes them again, "
            "which resumes"
        )
    return files


def read_parts(folder: str | Path, column: str = "score") -> Candidates:
    """Read all parts as one run with its scores in the column ``column``, without their other columns."""
    parts = []
    for file in parts_of(folder):
        part = read_candidates(file)
        if "score" not in part.columns:
            raise DataError(f"{file} has no column 'score': it is not a part of a run")
        parts.append(part.only_columns().with_columns({column: part["score"]}))
    return concatenate(parts)


def _slices(candidates: Candidates, queries: int) -> Iterator[Candidates]:
    numbers = np.arange(candidates.n_queries)
    for first in range(0, candidates.n_queries, queries):
        yield candidates.take_queries((numbers >= first) & (numbers < first + queries))
