"""Pairs of sentences as a folder of Parquet parts: an id and two texts a row."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from rankdistill.data.parts import parts_of
from rankdistill.errors import DataError

SCHEMA = pa.schema([("id", pa.large_string()), ("first", pa.large_string()), ("second", pa.large_string())])
PAIRS_PER_PART = 100_000


def pair_ids(start: int, number: int) -> pa.Array:
    """Name consecutive pairs by their numbers: large_string (number,)."""
    return pa.array(range(start, start + number), pa.int64()).cast(pa.large_string())


def read_pairs(path: str | Path) -> pa.Table:
    """Read a part, or all parts of a folder in order: a table of `SCHEMA`; `DataError` for other files."""
    path = Path(path)
    tables = []
    for file in parts_of(path) if path.is_dir() else [path]:
        try:
            table = pq.read_table(file, memory_map=True)
        except FileNotFoundError as error:
            raise DataError(f"there is no file {file}") from error
        except (pa.ArrowException, OSError) as error:
            raise DataError(f"{file} is not a Parquet file of sentence pairs: {error}") from error
        if lacking := [name for name in SCHEMA.names if name not in table.schema.names]:
            raise DataError(f"{file} has the columns {', '.join(table.schema.names)}, and no {lacking[0]!r}")
        tables.append(table.select(SCHEMA.names).cast(SCHEMA))
    return pa.concat_tables(tables)
