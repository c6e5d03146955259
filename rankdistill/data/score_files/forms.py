"""What a form of score file is: the names of its fields, and how its entries become lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from rankdistill.arrays import I64
from rankdistill.data.score_files.lists import Part
from rankdistill.data.trec.forms import OVERFLOW
from rankdistill.files.reading import is_unicode

Cleaned = dict[str, Any]
STRING, NUMBER = pa.large_string(), pa.float64()
QUERY_IDS = ("query_id", "query-id", "qid", "queryid", "_id")
DOCUMENT_IDS = ("doc_id", "corpus-id", "corpus_id", "docid", "document_id", "doc-id", "passage_id", "pid", "docno")


@dataclass(frozen=True, eq=False)
class Form:
    """A form of file whose entries are objects: lines of JSON, or rows of a Parquet file.

    An entry is parsed by Arrow, many at a time, or by Python, one at a time, where Arrow's result is odd: then it is
    said what is wrong with which entry, or what only Python can read is read.
    """

    title: str
    """What it is called in messages: "an id-based score set"."""
    needs: Mapping[str, tuple[str, ...]]
    """Field -> the names under which files have it; an entry has one of each."""
    types: Mapping[str, pa.DataType]
    """Field -> its Arrow type, also of fields that an entry may lack."""
    part: Callable[[pa.Table], Part | None]
    """Make lists of the columns named by the fields; None where they are odd."""
    clean: Callable[[Cleaned, Counter[str]], Cleaned | str]
    """Check the fields of one entry, with ids as strings; what is wrong as text. Counts what is to be reported."""
    may: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Field -> names, of fields that an entry may lack."""
    suits: Callable[[Cleaned], bool] = lambda fields: True
    """Whether an entry that has all needed fields is of this form, by their values."""
    query_is: Literal["id", "text"] = "id"
    document_is: Literal["id", "text"] = "id"
    keep_first: bool = False
    """Whether a pair that has several scores keeps the first."""
    is_order: bool = False
    """Whether only an order is known, whose places become scores."""

    @property
    def fields(self) -> str:
        """The fields that an entry needs, for messages."""
        return ", ".join(names[0] for names in self.needs.values())

    @property
    def names(self) -> dict[str, tuple[str, ...]]:
        return {**self.needs, **self.may}

    def fields_of(self, entry: Mapping[str, Any]) -> Cleaned:
        """Take the fields of an entry, each by the first of its names that has a value."""
        found = {}
        for name, aliases in self.names.items():
            value = next((entry[alias] for alias in aliases if entry.get(alias) is not None), None)
            if value is not None:
                found[name] = value
        return found

    def fits(self, entry: Mapping[str, Any]) -> bool:
        """Tell whether an entry has the fields of this form."""
        fields = self.fields_of(entry)
        return all(name in fields for name in self.needs) and self.suits(fields)

    def has_empty_list(self, entry: Mapping[str, Any]) -> bool:
        """Tell whether an entry has all needed fields of this form, and one of them is a list of nothing."""
        fields = self.fields_of(entry)
        return all(name in fields for name in self.needs) and any(fields[name] == [] for name in self.needs)


def as_id(value: Any) -> str | None:
    """Take a string that is not empty, or a whole number, as an id; None for all else."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value and is_unicode(value) else None


def as_number(value: Any) -> float | None:
    """Take a finite number that float32 can hold; None for all else."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < OVERFLOW:
        return None
    return float(value)


def ids_of(values: Any) -> list[str] | None:
    """Take a list of ids; None for all else."""
    ids = [as_id(value) for value in values] if isinstance(values, list | tuple) else [None]
    return None if None in ids else ids  # type: ignore[return-value]


def numbers_of(values: Any) -> list[float] | None:
    """Take a list of numbers; None for all else."""
    numbers = [as_number(value) for value in values] if isinstance(values, list | tuple) else [None]
    return None if None in numbers else numbers  # type: ignore[return-value]


def listed(column: pa.ChunkedArray) -> tuple[I64, pa.Array]:
    """Split a column of lists, which may be missing, into their sizes int64 (L,) and all their values (N,)."""
    whole = column.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):  # of several chunks that are too large for one
        whole = pa.concat_arrays(whole.chunks)
    sizes = pc.fill_null(pc.list_value_length(whole), 0).to_numpy(zero_copy_only=False)
    return sizes.astype(np.int64), pc.list_flatten(whole)
