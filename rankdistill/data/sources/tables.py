"""Read ids, texts and judgments from Parquet files of other tools; errors name file and row."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.data.candidates import as_ids
from rankdistill.data.parquet import read_table
from rankdistill.data.sources.lines import IdsAndTexts
from rankdistill.data.sources.rows import Names
from rankdistill.errors import DataError

TEXT_LIKE = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_integer,
    pa.types.is_null,
)


def read_texts(path: Path, names: Names) -> IdsAndTexts:
    """Read columns of an id (text or whole numbers), a text and an optional ``title``, joined as in JSON lines.

    Raises `DataError` with file and row for a row without id or text, and for other columns.
    """
    table = read_table(path)
    ids, texts = string_column(path, table, names.ids), string_column(path, table, names.texts)
    if "title" in table.column_names:
        titles = pc.fill_null(_strings(path, table, "title"), "")
        texts = pc.binary_join_element_wise(titles, texts, pa.scalar(" ", pa.large_string()))
    return ids, pc.utf8_trim_whitespace(texts)


def string_column(path: Path, table: pa.Table, names: Sequence[str]) -> pa.Array:
    """Read the first of these columns that there is, as strings that are not empty ids and not null."""
    name = column_name(path, table, names)
    values = _strings(path, table, name)
    refuse_rows(path, name, values.is_null(), "null, expected a value")
    return values


def column_name(path: Path, table: pa.Table, names: Sequence[str]) -> str:
    """Find the first of these columns that a table has once; raise `DataError` where there is none."""
    name = next((name for name in names if name in table.column_names), None)
    if name is None:
        raise DataError(f"{path} has the columns {', '.join(table.column_names)}, expected {' or '.join(names)}")
    if table.column_names.count(name) > 1:
        raise DataError(f"{path} has the column {name!r} twice: keep one")
    return name


def refuse_rows(path: Path, name: str, odd: pa.Array, fault: str) -> None:
    """Raise `DataError` for the first row that is odd."""
    rows = np.flatnonzero(np.asarray(odd))
    if rows.size:
        raise DataError(f"{path}, row {rows[0] + 1:,} of {len(odd):,}: column {name!r} is {fault}")


def _strings(path: Path, table: pa.Table, name: str) -> pa.Array:
    kind = table.schema.field(name).type
    inner = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not any(holds(inner) for holds in TEXT_LIKE):
        raise DataError(f"{path}: column {name!r} is of type {kind}, expected text or whole numbers")
    return as_ids(table[name].cast(pa.large_string()))
