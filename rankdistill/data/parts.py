"""Parts: a run of any size as a folder of Parquet files, each with all candidates of its queries.

Each part has its checksum beside it, and the folder a list of its parts with all that shapes them: a part that is
missing, cut or changed is noticed before it is used. Folders of Parquet files that something else wrote have neither.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from rankdistill.data.candidates import Candidates, concatenate
from rankdistill.data.kernels.random import hash_ids
from rankdistill.data.parquet import candidate_table, candidates_of, query_ids_in, write_candidates
from rankdistill.errors import DataError, UsageError
from rankdistill.files.atomic import atomic_path
from rankdistill.files.checksums import check_undamaged, checksum, is_sealed, sealed_sum
from rankdistill.files.facts import differing, digest, read_facts, write_facts
from rankdistill.files.outputs import check_output_folder

QUERIES_PER_PART = 1000
LIST = "parts.json"
"""File that names all parts of a folder, also those not yet written, and the facts that shape them."""
SCORE = "score"
PART_REMEDY = "run the command that wrote it again, or delete its folder and make it anew"


def write_parts(candidates: Candidates, folder: str | Path, queries: int = QUERIES_PER_PART) -> list[Path]:
    """Write candidates into a new folder of files 00000.parquet, …, each of ``queries`` queries; return the files.

    The folder gets its name when all files are written. One that has the same parts already, as after a kill at the
    very end, is written again. Raises `UsageError` where a folder that has anything else exists.
    """
    if queries < 1:
        raise UsageError(f"a part must have at least 1 query, got {queries}")
    folder = Path(folder)
    check_parts_folder(folder)
    with atomic_path(folder) as temporary:
        for number, part in enumerate(_slices(candidates, queries)):
            write_part(part, temporary / f"{number:05}.parquet")
        seal_parts(temporary, folder)
    return parts_of(folder)


def seal_parts(temporary: Path, folder: Path) -> None:
    """Write the list of the parts in a new folder that is about to get the name ``folder``.

    Raises `UsageError` where a folder of that name has other parts; the same ones may be written again.
    """
    contents = {file.name: checksum(file)["sha256"] for file in _files(temporary)}
    if is_parts(folder):
        begin_parts(folder, list(contents), {"contents": contents})
    _write_list(temporary, list(contents), {"contents": contents})


def check_parts_folder(folder: str | Path) -> None:
    """Raise the errors of `check_output_folder` where parts cannot be written here, nor were before."""
    check_output_folder(folder, new=not os.path.isfile(Path(folder) / LIST))


def check_made_of(folder: str | Path, report: str, made_of: Mapping[str, Any]) -> None:
    """Raise `UsageError`, before any work, where a folder has anything but parts that were made of the same.

    report: file beside the parts whose facts have those of ``made_of``. Raises the errors of `check_parts_folder`, too.
    """
    check_parts_folder(folder)
    if is_parts(folder):
        known, given = read_facts(Path(folder) / report), json.loads(json.dumps(made_of))
        if other := differing(given, {name: known.get(name) for name in made_of}):
            raise UsageError(f"{folder} holds parts that were made with other {', '.join(other)}: give a new folder")


def write_part(part: Candidates, file: Path) -> None:
    """Write one part, and its checksum."""
    with atomic_path(file, sealed=True) as temporary:
        write_candidates(part, temporary)


def read_part(file: str | Path) -> Candidates:
    """Read one part; raise `DataError` where it has no scores, or is not as it was written."""
    return part_of(part_table(file), file)


def part_table(file: str | Path, columns: Sequence[str] = ()) -> pa.Table:
    """Read what `part_of` makes a part of; columns: beside the ids, by default all; raise `DataError` where damaged."""
    return candidate_table(file, columns or None, PART_REMEDY)


def part_of(table: pa.Table, file: str | Path, columns: Sequence[str] = (SCORE,)) -> Candidates:
    """Make a part of a table that `part_table` read; raise `DataError` where it lacks one of these columns."""
    part = candidates_of(table, file)
    if lacking := [name for name in columns if name not in part.columns]:
        what = ": it is not a part of a run" if tuple(columns) == (SCORE,) else f", but {', '.join(part.columns)}"
        raise DataError(f"{file} has no column {lacking[0]!r}{what}")
    return part


def check_part(file: str | Path) -> None:
    """Raise `DataError` for a part that is not as it was written, where that is known."""
    if is_sealed(file):
        check_undamaged(file, "the part", PART_REMEDY)


def is_parts(path: str | Path) -> bool:
    """Tell whether this is a folder of parts."""
    return bool(_files(Path(path)))


def are_whole(folder: str | Path) -> bool:
    """Tell whether all parts of a finished folder are there as they were written; they are read for that."""
    try:
        contents = made_by(folder).get("contents", {})
        return {file.name: checksum(file)["sha256"] for file in parts_of(folder)} == contents
    except DataError:
        return False


def begin_parts(folder: str | Path, names: Sequence[str], facts: Mapping[str, Any]) -> None:
    """Write into a folder the names of its parts to be and the facts, values that JSON can hold, that shape them.

    Raises `UsageError` where the folder already has parts of other names or facts, and names those that differ;
    `DataError` where that is not known.
    """
    folder = Path(folder)
    if is_parts(folder):
        known = _read_list(folder)
        if known is None:
            raise DataError(f"{folder} has parts, and no {LIST} that says how they were made: give a new folder")
        if differing := _differing(known, {"parts": list(names), "made by": json.loads(json.dumps(facts))}):
            raise UsageError(
                f"{folder} has parts that were made otherwise, with other {differing}, see {LIST} in it: give a new "
                "folder, or delete this one"
            )
    _write_list(folder, names, facts)


def parts_of(folder: str | Path) -> list[Path]:
    """List the parts in a folder, in order; raise `DataError` where there are none, or others than its list says."""
    folder = Path(folder)
    files = _files(folder)
    if not files:
        raise DataError(
            f"{folder} is a folder without parts (00000.parquet, …): write them with `rankdistill parts`, or "
            "pairs of sentences with `rankdistill corpus`"
        )
    listed = _read_list(folder)
    if listed is not None:
        names, found = listed["parts"], {file.name for file in files}
        if lacking := sorted(set(names) - found):
            raise DataError(
                f"{folder} lacks {len(lacking):,} of its {len(names):,} parts, the first is {lacking[0]}: run the "
                "command that writes them again, which resumes"
            )
        if more := sorted(found - set(names)):
            raise DataError(f"{folder / more[0]} is not among the parts that {LIST} lists: move it elsewhere")
    return files


def made_by(folder: str | Path) -> dict[str, Any]:
    """The facts that shape the parts in a folder; empty where it has no list of them. `DataError` for a damaged one."""
    listed = _read_list(Path(folder))
    return dict(listed["made by"]) if listed is not None else {}


def part_identities(folder: str | Path) -> dict[str, str]:
    """Identify every part in a folder by its content: name -> SHA-256, from its checksum where there is one.

    Raises `DataError` for a part that is not as long as it was written; the reader of a part compares all of it.
    """
    return {file.name: part_identity(file) for file in parts_of(folder)}


def part_identity(file: Path) -> str:
    """Identify one part, see `part_identities`."""
    if not is_sealed(file):
        return str(checksum(file)["sha256"])
    try:
        return sealed_sum(file)
    except ValueError as error:
        raise DataError(f"the part {file} is damaged: {error}; {PART_REMEDY}") from error


def read_parts(folder: str | Path, column: str = SCORE) -> Candidates:
    """Read all parts as one run with its scores in the column ``column``, without their other columns."""
    parts = (read_part(file) for file in parts_of(folder))
    return concatenate([part.only_columns().with_columns({column: part[SCORE]}) for part in parts])


def check_lists_whole(files: Sequence[Path]) -> None:
    """Raise `DataError` for a query whose list is in two parts: each part must have all candidates of its queries.

    Only the ids of queries are read, and eight bytes of each are kept.
    """
    hashes = [hash_ids(query_ids_in(file)) for file in files]
    every = np.concatenate(hashes)
    every.sort()
    if not (twice := every[1:][every[1:] == every[:-1]]).size:
        return
    seen: dict[str, Path] = {}
    for file, of_file in zip(files, hashes, strict=True):
        alike = np.flatnonzero(np.isin(of_file, twice))
        for query in query_ids_in(file).take(pa.array(alike)).to_pylist() if alike.size else []:
            if query in seen:
                raise DataError(
                    f"the list of query {query!r} is in two parts, {seen[query]} and {file.name}: a part must have all "
                    "candidates of its queries; write the parts anew, each list in one (`rankdistill parts`)"
                )
            seen[query] = file


def _write_list(folder: Path, names: Sequence[str], facts: Mapping[str, Any]) -> None:
    described = {"parts": list(names), "made by": dict(facts)}
    write_facts(folder / LIST, {**described, "checksum": digest(described)})


def _read_list(folder: Path) -> dict[str, Any] | None:
    """Read the list of parts: None where there is none; raise `DataError` where it is not as it was written."""
    file = folder / LIST
    if not file.exists():
        return None
    try:
        described = json.loads(file.read_text(encoding="utf-8"))
        if described.pop("checksum") == digest(described) and isinstance(described["parts"], list):
            return dict(described)
    except (OSError, ValueError, AttributeError, KeyError, RecursionError):
        pass
    raise DataError(
        f"{file} is damaged, so that it is not known which parts belong to {folder} and how they were made: delete the "
        "folder and make it anew"
    )


def _differing(known: Mapping[str, Any], given: Mapping[str, Any]) -> str:
    """Name the facts that differ, those inside a fact in brackets; empty where none do."""
    if known["parts"] != given["parts"]:
        return "names of parts"
    one, other = known["made by"], given["made by"]
    names = []
    for fact in {**other, **one}:
        if one.get(fact) != other.get(fact):
            inside = _differing_inside(one.get(fact), other.get(fact))
            names.append(f"{fact} ({inside})" if inside else fact)
    return ", ".join(names)


def _differing_inside(one: Any, other: Any) -> str:
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return ""
    names = [name for name in {**other, **one} if one.get(name) != other.get(name)]
    return ", ".join(names[:3]) + (f" and {len(names) - 3:,} more" if len(names) > 3 else "")


def _files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.glob("*.parquet") if not file.name.startswith("."))  # temporary ones


def _slices(candidates: Candidates, queries: int) -> Iterator[Candidates]:
    numbers = np.arange(candidates.n_queries)
    for first in range(0, candidates.n_queries, queries):
        yield candidates.take_queries((numbers >= first) & (numbers < first + queries))
