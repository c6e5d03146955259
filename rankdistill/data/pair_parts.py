"""Pairs of sentences as a folder of Parquet parts: an id and two texts a row, and columns of experts' scores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rankdistill.arrays import F32
from rankdistill.data.parquet import read_table
from rankdistill.data.parts import PART_REMEDY, parts_of
from rankdistill.errors import DataError
from rankdistill.files.atomic import atomic_path

SCHEMA = pa.schema([("id", pa.large_string()), ("first", pa.large_string()), ("second", pa.large_string())])
PAIRS_PER_PART = 100_000


MASK_TOKEN = "mask_token"
"""Entry of a part's metadata: what is written for masked words in its texts."""


def with_mask_token(table: pa.Table, token: str) -> pa.Table:
    """A table of pairs that says what is written for masked words in them."""
    return table.replace_schema_metadata({MASK_TOKEN: token})


def mask_token_of(table: pa.Table) -> str | None:
    """What is written for masked words in a table of pairs; None where no word is masked."""
    token = (table.schema.metadata or {}).get(MASK_TOKEN.encode())
    return token.decode() if token is not None else None


def pair_ids(start: int, number: int) -> pa.Array:
    """Name consecutive pairs by their numbers: large_string (number,)."""
    return pa.array(range(start, start + number), pa.int64()).cast(pa.large_string())


def read_pairs(path: str | Path) -> pa.Table:
    """Read a part, or all parts of a folder in order: a table of `SCHEMA`, and float32 columns of scores after it.

    Columns of anything else than numbers are left out. Raises `DataError` for other files, for parts that are missing
    or not as they were written, for a null, and for parts that differ in their columns.
    """
    path = Path(path)
    files = parts_of(path) if path.is_dir() else [path]
    tables = [read_pair_part(file) for file in files]
    for file, table in zip(files, tables, strict=True):
        if table.schema.names != tables[0].schema.names:
            raise DataError(
                f"{file} has the columns {', '.join(table.schema.names)}, and {files[0].name} has "
                f"{', '.join(tables[0].schema.names)}: parts of one folder have the same"
            )
        if mask_token_of(table) != mask_token_of(tables[0]):
            raise DataError(
                f"{file} and {files[0].name} write masked words in different ways: parts of one folder do not"
            )
    return pa.concat_tables(tables)


def read_pair_part(file: Path) -> pa.Table:
    """Read one part, see `read_pairs`."""
    table = read_table(file, remedy=PART_REMEDY)
    names = table.schema.names
    if lacking := [name for name in SCHEMA.names if name not in names]:
        raise DataError(f"{file} has the columns {', '.join(names)}, and no {lacking[0]!r}")
    for name in SCHEMA.names:
        if table[name].null_count:
            raise DataError(f"{file}: column {name!r} has {table[name].null_count:,} nulls, expected texts")
    scores = [field.name for field in table.schema if field.name not in SCHEMA.names and _is_number(field.type)]
    schema = pa.schema([*SCHEMA, *((name, pa.float32()) for name in scores)])
    try:
        read = table.select(schema.names).cast(schema)
    except pa.ArrowException as error:
        raise DataError(f"{file} is no part of sentence pairs: {error}") from error
    token = mask_token_of(table)
    return read if token is None else with_mask_token(read, token)


def write_pair_part(table: pa.Table, file: Path, columns: Mapping[str, F32] | None = None) -> None:
    """Write one part, and its checksum. columns: scores float32 (rows,) to add, or to put in place of old ones."""
    for name, values in (columns or {}).items():
        if name in table.schema.names:
            table = table.drop_columns(name)
        table = table.append_column(name, pa.array(values, pa.float32()))
    with atomic_path(file, sealed=True) as temporary:
        pq.write_table(table.combine_chunks(), temporary, write_page_checksum=True)


def _is_number(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or pa.types.is_integer(kind)
