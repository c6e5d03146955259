"""Read columns of text from tables: TSV as GLUE writes it, CSV, JSON lines, Parquet; errors name file and line."""

from __future__ import annotations

import csv
import io
import warnings
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
Rows = Callable[[Sequence[str], Sequence[str]], Iterator[tuple[int, list[str] | FileFormatError]]]
"""Read the rows of the columns of these names, first those that need a value, then those that may lack it; what other
columns hold does not matter. An error stands for a row that is left out."""


@dataclass(frozen=True)
class TsvForm:
    """How a TSV differs from one whose first line names the columns and whose rows are whole."""

    header: tuple[str, ...] = ()
    """Names of the columns where no line has them (empty: the first line has)."""
    skips_short_rows: bool = False
    """Whether rows of too few fields are left out, with a warning; otherwise they are errors."""


PLAIN = TsvForm()
Reader = Callable[[Path, TsvForm], tuple[list[str], Rows]]
"""Read the names of a file's columns, and what reads the rows of some of them."""


@dataclass(frozen=True)
class Table:
    """Columns of text by name, and the line of each row (its number from 1, in formats without lines)."""

    path: Path
    columns: dict[str, list[str]]
    lines: list[int]
    numbers: list[int]
    """Number of each row, from 0; rows that are left out have one, too."""

    def __len__(self) -> int:
        return len(self.lines)

    def rows(self, places: I64) -> Table:
        """Return the rows at the places, (n,) int64, in that order and numbered anew."""
        columns = {name: [values[place] for place in places] for name, values in self.columns.items()}
        return Table(self.path, columns, [self.lines[place] for place in places], list(range(len(places))))


def read_table(path: Path, needed: Sequence[str], optional: Sequence[str] = (), tsv: TsvForm = PLAIN) -> Table:
    """Read the columns ``needed``, and those of ``optional`` that are there.

    tsv: of the files that are TSV. Values are text as it is written, truth values ``true`` and ``false``. Where JSON
    lines or Parquet have null or nothing under an optional column the value is empty; nothing else stands for a missing
    value. Raises `DataError` for a column that is missing, naming those that are there, and `FileFormatError` for a
    malformed line, or for the first row that is left out where all are.
    """
    names, rows = _reader(path)(path, tsv)
    if missing := [name for name in needed if name not in names]:
        raise DataError(f"{path} has no column {missing[0]!r}; its columns are {', '.join(names)}")
    there = [name for name in optional if name in names]
    wanted = [*needed, *there]
    columns: list[list[str]] = [[] for _ in wanted]
    lines, numbers, left_out = [], [], []
    for number, (line, values) in enumerate(rows(needed, there)):
        if isinstance(values, FileFormatError):
            left_out.append(values)
            continue
        lines.append(line)
        numbers.append(number)
        for column, value in zip(columns, values, strict=True):
            column.append(value)
    if left_out and not lines:
        raise left_out[0]
    if left_out:
        n_rows = len(lines) + len(left_out)
        warnings.warn(
            f"{len(left_out):,} of {n_rows:,} rows have too few fields and are left out, the first is {left_out[0]}",
            stacklevel=2,
        )
    return Table(path, dict(zip(wanted, columns, strict=True)), lines, numbers)


def column_names(path: Path) -> list[str]:
    """Read the names of a table's columns, of JSON lines all that any line has; raise as `read_table` does."""
    return _reader(path)(path, PLAIN)[0]


def _reader(path: Path) -> Reader:
    suffix = next((suffix for suffix in READERS if path.name.removesuffix(".gz").endswith(suffix)), None)
    if suffix is None:
        raise DataError(f"{path} has none of the known suffixes {', '.join(READERS)} (each but .parquet also .gz)")
    return READERS[suffix]


def _tsv(path: Path, form: TsvForm) -> tuple[list[str], Rows]:
    """Split at line ends and tabs alone: quotes are text in GLUE's files, and default CSV readers merge such rows."""
    lines, header = _text(path).split("\n"), form.header
    names = list(header) or lines[0].rstrip("\r").split("\t")

    def rows() -> Iterator[Row]:
        for number, line in enumerate(lines[0 if header else 1 :], start=1 if header else 2):
            line = line.removesuffix("\r")
            if not line and number >= len(lines):  # what follows the last line end
                return
            yield number, line.split("\t")

    return names, lambda needed, optional: _of_columns(
        rows(), [*needed, *optional], names, path, "\t", form.skips_short_rows
    )


def _csv(path: Path, form: TsvForm) -> tuple[list[str], Rows]:
    """Split at line feeds, but for those in quotes, and at commas; other separators of lines are text."""
    rows = _csv_rows(path)
    names = next(rows, (1, []))[1]
    return names, lambda needed, optional: _of_columns(rows, [*needed, *optional], names, path, ",")


def _csv_rows(path: Path) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(_text(path), newline="\n"), strict=True)
    try:
        for values in reader:
            yield reader.line_num, values
    except csv.Error as error:
        raise FileFormatError(path, reader.line_num, str(error), "comma-separated values in double quotes") from None


def _of_columns(
    rows: Iterator[Row],
    wanted: Sequence[str],
    names: Sequence[str],
    path: Path,
    separator: str,
    skips_short_rows: bool = False,
) -> Iterator[tuple[int, list[str] | FileFormatError]]:
    """Take the columns ``wanted`` of rows of all columns; `FileFormatError` for a row of another number of fields."""
    places = [names.index(name) for name in wanted]
    between = {"\t": "tabs", ",": "commas"}[separator]
    for number, values in rows:
        if len(values) != len(names):
            got = f"{len(values)} fields: {separator.join(values)}"
            error = FileFormatError(path, number, got, f"{len(names)} fields between {between}: {', '.join(names)}")
            if len(values) > len(names) or not skips_short_rows:
                raise error
            yield number, error
        else:
            yield number, [values[place] for place in places]


def _jsonl(path: Path, form: TsvForm) -> tuple[list[str], Rows]:
    """Read objects of text and numbers; the keys of all of them are the columns."""
    data, expected = read_bytes(path), "a JSON object of texts and numbers"
    names = list(dict.fromkeys(name for _, _, entry in json_objects(path, data, (), expected) for name in entry))

    def rows(needed: Sequence[str], optional: Sequence[str]) -> Iterator[Row]:
        wanted = [*needed, *optional]
        for number, line, entry in json_objects(path, data, wanted, expected):
            values = []
            for name in wanted:
                value = entry.get(name)
                if value is None and name in optional:
                    value = ""
                asked = f"a text or number under {name!r}"
                if not isinstance(value, str | int | float):
                    raise FileFormatError(path, number, line, asked)
                values.append(str(value).lower() if isinstance(value, bool) else str(value))
                check_unicode(values[-1], path, number, line, asked)
            yield number, values

    return names, rows


def _parquet(path: Path, form: TsvForm) -> tuple[list[str], Rows]:
    def rows(needed: Sequence[str], optional: Sequence[str]) -> Iterator[Row]:
        table = parquet.read_table(path, [*needed, *optional])
        columns = [_written(table[name], name, path) for name in needed]
        columns += [[value or "" for value in _written(table[name], name, path)] for name in optional]
        for number, values in enumerate(zip(*columns, strict=True), start=1):
            if None in values:
                missing = needed[values.index(None)]
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


READERS: dict[str, Reader] = {
    ".tsv": _tsv,
    ".txt": _tsv,
    ".csv": _csv,
    ".jsonl": _jsonl,
    ".parquet": _parquet,
}
"""Suffix -> reader."""
