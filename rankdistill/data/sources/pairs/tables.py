"""Read columns of text from tables: TSV as GLUE writes it, CSV, JSON lines, Parquet; errors name file and line."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from rankdistill.arrays import I64
from rankdistill.data import parquet
from rankdistill.data.sources.rows import json_objects
from rankdistill.errors import DataError, FileFormatError
from rankdistill.files.reading import check_unicode, read_bytes

Row = tuple[int, list[str]]
"""Line number, and the values of the columns that are read."""
Rows = Callable[[Sequence[str]], Iterator[Row]]
"""Read the rows of the columns of these names; what other columns hold does not matter."""


@dataclass(frozen=True)
class Table:
    """Columns of text by name, and the line of each row (its number from 1, in formats without lines)."""

    path: Path
    columns: dict[str, list[str]]
    lines: list[int]

    def __len__(self) -> int:
        return len(self.lines)

    def rows(self, places: I64) -> Table:
        """Return the rows at the places, (n,) int64, in that order."""
        columns = {name: [values[place] for place in places] for name, values in self.columns.items()}
        return Table(self.path, columns, [self.lines[place] for place in places])


def read_table(path: Path, needed: Sequence[str], optional: Sequence[str] = (), header: Sequence[str] = ()) -> Table:
    """Read the columns ``needed``, and those of ``optional`` that are there.

    header: names of the columns of a TSV without a header line (empty: its first line has them). Values are text as it
    is written; nothing stands for a missing value. Raises `DataError` for a column that is missing, naming those that
    are there, and `FileFormatError` for a malformed line.
    """
    suffix = next((suffix for suffix in READERS if path.name.removesuffix(".gz").endswith(suffix)), None)
    if suffix is None:
        raise DataError(f"{path} has none of the known suffixes {', '.join(READERS)} (each but .parquet also .gz)")
    names, rows = READERS[suffix](path, header)
    if missing := [name for name in needed if name not in names]:
        raise DataError(f"{path} has no column {missing[0]!r}; its columns are {', '.join(names)}")
    wanted = [*needed, *(name for name in optional if name in names)]
    columns: list[list[str]] = [[] for _ in wanted]
    lines = []
    for line, values in rows(wanted):
        lines.append(line)
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    return Table(path, dict(zip(wanted, columns, strict=True)), lines)


def _tsv(path: Path, header: Sequence[str]) -> tuple[list[str], Rows]:
    """Split at line ends and tabs alone: quotes are text in GLUE's files, and default CSV readers merge such rows."""
    lines = _text(path).split("\n")
    names = list(header) or lines[0].rstrip("\r").split("\t")

    def rows() -> Iterator[Row]:
        for number, line in enumerate(lines[0 if header else 1 :], start=1 if header else 2):
            line = line.removesuffix("\r")
            if not line and number >= len(lines):  # what follows the last line end
                return
            yield number, line.split("\t")

    return names, lambda wanted: _of_columns(rows(), wanted, names, path, "\t")


def _csv(path: Path, header: Sequence[str]) -> tuple[list[str], Rows]:
    """Split at line feeds, but for those in quotes, and at commas; other separators of lines are text."""
    rows = _csv_rows(path)
    names = next(rows, (1, []))[1]
    return names, lambda wanted: _of_columns(rows, wanted, names, path, ",")


def _csv_rows(path: Path) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(_text(path), newline="\n"), strict=True)
    try:
        for values in reader:
            yield reader.line_num, values
    except csv.Error as error:
        raise FileFormatError(path, reader.line_num, str(error), "comma-separated values in double quotes") from None


def _of_columns(
    rows: Iterator[Row], wanted: Sequence[str], names: Sequence[str], path: Path, separator: str
) -> Iterator[Row]:
    """Take the columns ``wanted`` of rows of all columns; `FileFormatError` for a row of another number of fields."""
    places = [names.index(name) for name in wanted]
    between = {"\t": "tabs", ",": "commas"}[separator]
    for number, values in rows:
        if len(values) != len(names):
            got = f"{len(values)} fields: {separator.join(values)}"
            raise FileFormatError(path, number, got, f"{len(names)} fields between {between}: {', '.join(names)}")
        yield number, [values[place] for place in places]


def _jsonl(path: Path, header: Sequence[str]) -> tuple[list[str], Rows]:
    """Read objects of text and numbers; the first one's keys are the columns."""
    data, expected = read_bytes(path), "a JSON object of texts and numbers"
    names = next((list(entry) for _, _, entry in json_objects(path, data, (), expected)), [])

    def rows(wanted: Sequence[str]) -> Iterator[Row]:
        for number, line, entry in json_objects(path, data, wanted, expected):
            values = [entry.get(name) for name in wanted]
            for name, value in zip(wanted, values, strict=True):
                needed = f"a text or number under {name!r}, as in the first line"
                if not isinstance(value, str | int | float):
                    raise FileFormatError(path, number, line, needed)
                check_unicode(str(value), path, number, line, needed)
            yield number, list(map(str, values))

    return names, rows


def _parquet(path: Path, header: Sequence[str]) -> tuple[list[str], Rows]:
    def rows(wanted: Sequence[str]) -> Iterator[Row]:
        table = parquet.read_table(path, wanted)
        columns = [_written(table[name], name, path) for name in wanted]
        for number, values in enumerate(zip(*columns, strict=True), start=1):
            if None in values:
                missing = wanted[values.index(None)]
                raise DataError(f"{path}, row {number}: {missing!r} is null, expected a text or a number")
            yield number, list(values)

    return parquet.column_names(path), rows


def _written(column: pa.ChunkedArray, name: str, path: Path) -> list[str | None]:
    try:
        written: list[str | None] = column.cast(pa.large_string()).to_pylist()
    except pa.ArrowException as error:
        raise DataError(f"{path}: column {name!r} is of type {column.type}, expected texts or numbers") from error
    return written


def _text(path: Path) -> str:
    data = read_bytes(path)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = 1 + data.count(b"\n", 0, error.start)
        raise FileFormatError(path, line, repr(data[error.start : error.start + 20]), "text in UTF-8") from None


READERS: dict[str, Callable[[Path, Sequence[str]], tuple[list[str], Rows]]] = {
    ".tsv": _tsv,
    ".txt": _tsv,
    ".csv": _csv,
    ".jsonl": _jsonl,
    ".parquet": _parquet,
}
"""Suffix -> reader: names of the columns, and what reads the rows of some of them."""
