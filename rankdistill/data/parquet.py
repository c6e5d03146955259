"""Write and read candidates, with all their columns, as Parquet."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from rankdistill.data.candidates import Candidates
from rankdistill.errors import DataError, UsageError
from rankdistill.files.atomic import atomic_path
from rankdistill.files.checksums import check_undamaged, is_sealed

QUERY, DOCUMENT = "query_id", "doc_id"
ROWS_PER_GROUP = 1 << 20
ARROW_SCHEMA = b"ARROW:schema"
WRITE_AGAIN = "write it again"


def write_candidates(candidates: Candidates, path: str | Path, rows_per_group: int = ROWS_PER_GROUP) -> None:
    """Write one row per (query, document) pair: ``query_id``, ``doc_id`` and the columns as float32, NaN = missing.

    Queries keep their order, and a row group ends where a query ends, so that groups can be processed separately. A
    query without candidates has no row and is lost. Raises `UsageError` for a column with the name of an id.
    """
    if taken := {QUERY, DOCUMENT} & set(candidates.columns):
        raise UsageError(f"a column cannot be named {min(taken)!r}: the ids are under {QUERY!r} and {DOCUMENT!r}")
    fields = [(QUERY, pa.large_string()), (DOCUMENT, pa.large_string())]
    schema = pa.schema(fields + [(name, pa.float32()) for name in candidates.columns])
    # Query ids repeat, so a dictionary makes them small; document ids and scores hardly repeat.
    with (
        atomic_path(path) as temporary,
        pq.ParquetWriter(temporary, schema, use_dictionary=[QUERY], write_page_checksum=True) as file,
    ):
        for first, end in _groups(candidates.offsets, rows_per_group):
            rows = slice(int(candidates.offsets[first]), int(candidates.offsets[end]))
            query_ids = candidates.query_ids.take(pa.array(candidates.query_of_row[rows]))
            columns = [pa.array(values[rows]) for values in candidates.columns.values()]
            group = pa.record_batch([query_ids, candidates.doc_ids[rows], *columns], schema=schema)
            file.write_batch(group, row_group_size=max(1, len(group)))


def read_candidates(path: str | Path, only: Sequence[str] | None = None, remedy: str = WRITE_AGAIN) -> Candidates:
    """Read a file of `write_candidates`, or any Parquet file with ``query_id``, ``doc_id`` and columns of numbers.

    only: the columns of numbers to read (None: all). remedy: see `read_table`. Nulls become NaN. Raises `DataError` for
    another file, or a duplicate document in a query's list.
    """
    return candidates_of(candidate_table(path, only, remedy), path)


def candidate_table(path: str | Path, only: Sequence[str] | None = None, remedy: str = WRITE_AGAIN) -> pa.Table:
    """Read the table of which `candidates_of` makes candidates; arguments and errors are those of `read_candidates`."""
    names = None if only is None else [QUERY, DOCUMENT, *only]
    return read_table(path, names, remedy, dictionaries=[QUERY])


def candidates_of(table: pa.Table, path: str | Path) -> Candidates:
    """Make candidates of a table that `candidate_table` read from the file ``path``, and raise its errors."""
    names = table.schema.names
    if lacking := [name for name in (QUERY, DOCUMENT) if name not in names]:
        raise DataError(f"{path} has the columns {', '.join(names)}, and no {lacking[0]!r}")
    values = {}
    for name in names:
        if name in (QUERY, DOCUMENT):
            if table[name].null_count:
                raise DataError(f"{path}: column {name!r} has {table[name].null_count} rows without an id")
            continue
        kind = table.schema.field(name).type
        if not _is_number(kind):
            raise DataError(f"{path}: column {name!r} is of type {kind}, expected numbers")
        values[name] = table[name].cast(pa.float32(), safe=False).to_numpy().astype(np.float32)
    try:
        return Candidates.from_rows(table[QUERY], table[DOCUMENT], values)
    except DataError as error:
        raise DataError(f"{path}: {error}") from error


def is_candidates(path: str | Path) -> bool:
    """Tell by its columns whether `read_candidates` reads a Parquet file; raise the errors of `read_table`."""
    kinds = {field.name: field.type for field in _schema(path)}
    ids = [kinds.pop(name, None) for name in (QUERY, DOCUMENT)]
    return None not in ids and all(map(_is_number, kinds.values()))


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind))


def read_table(
    path: str | Path, names: Sequence[str] | None = None, remedy: str = WRITE_AGAIN, dictionaries: Sequence[str] = ()
) -> pa.Table:
    """Read a Parquet file, whole; raise `DataError` for another file, or for one that is damaged.

    names: the columns to read, those that it lacks are left out (None: all). dictionaries: columns of strings to read
    as dictionaries. What was written with checksums (`atomic_path(..., sealed=True)`, or else Parquet's own, of pages)
    is checked by them. remedy: what the message of a damaged file says to do.
    """
    path = Path(path)
    sealed = is_sealed(path)
    if sealed:
        check_undamaged(path, "the Parquet file", remedy)
    try:
        file = pq.ParquetFile(
            path, memory_map=True, page_checksum_verification=not sealed, read_dictionary=list(dictionaries)
        )
        _check_names(file)
        there = file.schema_arrow.names
        table = file.read(None if names is None else [name for name in there if name in names])
        table.validate(full=not sealed)
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}") from error
    except (pa.ArrowException, OSError, OverflowError, ValueError) as error:
        raise _damaged(path, error) from error
    return table


def read_batches(path: str | Path, columns: Sequence[str], rows: int = 1 << 16) -> Iterator[pa.Table]:
    """Read some columns of a Parquet file, at most so many rows at a time; raise the errors of `read_table`."""
    path = Path(path)
    try:
        file = pq.ParquetFile(path, memory_map=True, page_checksum_verification=True)
        _check_names(file)
        for batch in file.iter_batches(rows, columns=list(columns)):
            batch.validate(full=True)
            yield pa.Table.from_batches([batch])
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}") from error
    except (pa.ArrowException, OSError, OverflowError, ValueError) as error:
        raise _damaged(path, error) from error


def query_ids_in(path: str | Path) -> pa.Array:
    """Read the different query ids of a file of candidates, in order; raise the errors of `read_candidates`."""
    try:
        file = pq.ParquetFile(path, memory_map=True, page_checksum_verification=True, read_dictionary=[QUERY])
        _check_names(file)
        if QUERY not in file.schema_arrow.names:
            raise DataError(f"{path} has the columns {', '.join(file.schema_arrow.names)}, and no {QUERY!r}")
        ids = pc.unique(file.read([QUERY])[QUERY])
        ids = ids.dictionary_decode() if pa.types.is_dictionary(ids.type) else ids
        return ids.cast(pa.large_string())
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}") from error
    except (pa.ArrowException, OSError, OverflowError, ValueError) as error:
        raise _damaged(Path(path), error) from error


def column_names(path: str | Path) -> list[str]:
    """Read the names of a Parquet file's columns; raise the errors of `read_table`."""
    return list(_schema(path).names)


def _schema(path: str | Path) -> pa.Schema:
    path = Path(path)
    try:
        file = pq.ParquetFile(path, memory_map=True)
        _check_names(file)
        return file.schema_arrow
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}") from error
    except (pa.ArrowException, OSError, OverflowError, ValueError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> DataError:
    reason = " ".join(str(error).split())
    return DataError(f"{path} is not a Parquet file, or is damaged: {reason}; write or fetch it again")


def _check_names(file: pq.ParquetFile) -> None:
    """Raise `pa.ArrowInvalid` where the names of columns, which no checksum covers, differ from Arrow's copy of them.

    The copy that Parquet itself keeps, in the metadata of each column, is not looked at: pyarrow ends the process where
    that metadata is damaged.
    """
    kept = (file.metadata.metadata or {}).get(ARROW_SCHEMA)
    if kept is None:  # written by other tools
        return
    names = pa.ipc.read_schema(pa.py_buffer(base64.b64decode(kept))).names
    if names != file.schema_arrow.names:
        raise pa.ArrowInvalid(f"the columns are {', '.join(file.schema_arrow.names)}, but were {', '.join(names)}")


def _groups(offsets: np.ndarray, rows: int) -> list[tuple[int, int]]:
    """Divide queries into ranges (first, end) of about ``rows`` rows, at least one query each."""
    groups, first = [], 0
    while first < len(offsets) - 1:
        end = int(np.searchsorted(offsets, offsets[first] + rows, side="right")) - 1
        end = min(max(end, first + 1), len(offsets) - 1)
        groups.append((first, end))
        first = end
    return groups
