"""Read columns of text from tables: TSV as GLUE writes it, CSV, JSON lines, Parquet; errors name file and line."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from rankdistill.arrays import I64
from rankdistill.errors import DataError, FileFormatError
from rankdistill.files.reading import read_bytes

Row = tuple[int, list[str]]
"""Line number, and the values of the columns."""


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
    places = [names.index(name) for name in wanted]
    columns: list[list[str]] = [[] for _ in wanted]
    lines = []
    for line, values in rows:
        lines.append(line)
        for column, place in zip(columns, places, strict=True):
            column.append(values[place])
    return Table(path, dict(zip(wanted, columns, strict=True)), lines)


def _tsv(path: Path, header: Sequence[str]) -> tuple[list[str], Iterator[Row]]:
    """Split at line ends and tabs alone: quotes are text in GLUE's files, and default CSV readers merge such rows."""
    lines = _text(path).split("\n")
    names = list(header) or lines[0].rstrip("\r").split("\t")

    def rows() -> Iterator[Row]:
        for number, line in enumerate(lines[0 if header else 1 :], start=1 if header else 2):
            line = line.removesuffix("\r")
            if not line and number >= len(lines):  # what follows the last line end
                return
            values = line.split("\t")
            if len(values) != len(names):
                expected = f"{len(names)} fields between tabs: {', '.join(names)}"
                raise FileFormatError(path, number, f"{len(values)} fields: {line}", expected)
            yield number, values

    return names, rows()


def _csv(path: Path, header: Sequence[str]) -> tuple[list[str], Iterator[Row]]:
    reader = csv.reader(_text(path).splitlines(keepends=True), strict=True)
    names = next(reader, [])

    def rows() -> Iterator[Row]:
        try:
            for values in reader:
                if len(values) != len(names):
                    expected = f"{len(names)} fields between commas: {', '.join(names)}"
                    raise FileFormatError(path, reader.line_num, f"{len(values)} fields: {','.join(values)}", expected)
                yield reader.line_num, values
        except csv.Error as error:
            raise FileFormatError(
                path, reader.line_num, str(error), "comma-separated values in double quotes"
            ) from None

    return names, rows()


def _jsonl(path: Path, header: Sequence[str]) -> tuple[list[str], Iterator[Row]]:
    """Read objects of text and numbers; the first one's keys are the columns."""
    lines = [(number, line) for number, line in enumerate(_text(path).split("\n"), start=1) if line.strip()]

    def parsed(number: int, line: str) -> dict[str, Any]:
        expected = "a JSON object of texts and numbers"
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            raise FileFormatError(path, number, line, expected) from None
        if not isinstance(entry, dict):
            raise FileFormatError(path, number, line, expected)
        return entry

    names = list(parsed(*lines[0])) if lines else []

    def rows() -> Iterator[Row]:
        for number, line in lines:
            entry = parsed(number, line)
            if missing := [name for name in names if not isinstance(entry.get(name), str | int | float)]:
                raise FileFormatError(
                    path, number, line, f"a text or number under {missing[0]!r}, as in the first line"
                )
            yield number, [str(entry[name]) for name in names]

    return names, rows()


def _parquet(path: Path, header: Sequence[str]) -> tuple[list[str], Iterator[Row]]:
    try:
        table = pq.read_table(path)
        columns = [column.cast(pa.large_string()).to_pylist() for column in table.columns]
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}") from error
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"cannot read {path} as a Parquet table of texts and numbers: {error}") from error

    def rows() -> Iterator[Row]:
        for number, values in enumerate(zip(*columns, strict=True), start=1):
            if None in values:
                missing = table.column_names[values.index(None)]
                raise DataError(f"{path}, row {number}: {missing!r} is null, expected a text or a number")
            yield number, list(values)

    return table.column_names, rows()


def _text(path: Path) -> str:
    data = read_bytes(path)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = 1 + data.count(b"\n", 0, error.start)
        raise FileFormatError(path, line, repr(data[error.start : error.start + 20]), "text in UTF-8") from None


READERS: dict[str, Callable[[Path, Sequence[str]], tuple[list[str], Iterator[Row]]]] = {
    ".tsv": _tsv,
    ".txt": _tsv,
    ".csv": _csv,
    ".jsonl": _jsonl,
    ".parquet": _parquet,
}
"""Suffix -> reader: names of the columns, and the rows."""
